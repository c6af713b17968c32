# %%
import numpy as np
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, confusion_matrix
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

iris = load_iris()
X, y = iris.data, iris.target
X.shape, iris.target_names

# %%
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0, stratify=y)
scaler = StandardScaler().fit(X_train)
scaler.mean_.round(2)

# %%
model = LogisticRegression(max_iter=500)
model.fit(scaler.transform(X_train), y_train)

# %%
predicted = model.predict(scaler.transform(X_test))
accuracy_score(y_test, predicted)

# %%
confusion_matrix(y_test, predicted)

# %%
for name, row in zip(iris.target_names, model.coef_.round(1)):
    print(f"{name:<11}", *row)

# %%
from sklearn.pipeline import make_pipeline
pipe = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=500))
pipe.fit(X_train, y_train).score(X_test, y_test)

# %%
pipe.predict_proba(X_test[:2]).round(3)

# %% raises NotFittedError
LogisticRegression().predict(X_test)

# %% raises ValueError
model.predict(X_test[:, :2])

# %%
def mistakes(truth, guess, names=iris.target_names):
    wrong = np.flatnonzero(truth != guess)
    return [(int(i), str(names[truth[i]]), str(names[guess[i]])) for i in wrong]

mistakes(y_test, predicted)
