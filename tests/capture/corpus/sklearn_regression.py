# %%
import numpy as np
import pandas as pd
from sklearn import metrics
from sklearn.base import BaseEstimator, RegressorMixin, TransformerMixin
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import PolynomialFeatures

rng = np.random.RandomState(0)
x = np.sort(5 * rng.rand(60))
y = np.sin(x) + 0.1 * rng.randn(60)
X = x[:, np.newaxis]

# %%
line = LinearRegression().fit(X, y)
round(float(line.coef_[0]), 3), round(line.score(X, y), 3)

# %%
def curve(degree, alpha=1e-3):
    return Pipeline([("powers", PolynomialFeatures(degree)), ("fit", Ridge(alpha))])

scores = {d: cross_val_score(curve(d), X, y, cv=KFold(4, shuffle=True, random_state=1)).mean().round(3)
          for d in (1, 3, 5)}
scores

# %%
search = GridSearchCV(curve(3), {"powers__degree": [1, 3, 5], "fit__alpha": [0.1, 1]}, cv=3)
search.fit(X, y)
search.best_params_

# %%
pd.DataFrame(search.cv_results_)[["param_powers__degree", "rank_test_score"]].sort_values("rank_test_score").head(2)

# %%
class Centre(BaseEstimator, TransformerMixin):
    """A transformer of one's own."""

    def __init__(self, factor=1.0):
        self.factor = factor

    def fit(self, X, y=None):
        self.mean_ = X.mean(axis=0)
        return self

    def transform(self, X):
        return (X - self.mean_) * self.factor

# %%
both = Pipeline([("centre", Centre(2.0)), ("fit", LinearRegression())]).fit(X, y)
both.named_steps["centre"].mean_.round(3), round(both.score(X, y), 3)

# %%
both.predict(X[:3]).round(3), both

# %%
class Mean(RegressorMixin, BaseEstimator):
    def fit(self, X, y):
        self.value_ = np.mean(y)
        return self

    def predict(self, X):
        return np.full(len(X), self.value_)

round(metrics.mean_squared_error(y, Mean().fit(X, y).predict(X)), 3)

# %%
residuals = y - both.predict(X)
pd.Series(residuals).describe().round(2)
