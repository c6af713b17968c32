# %%
import numpy as np
from sklearn.cluster import KMeans, DBSCAN
from sklearn.datasets import make_blobs
from sklearn.decomposition import PCA
import sklearn.metrics as skm

points, truth = make_blobs(n_samples=90, centers=3, n_features=4, random_state=3)

# %%
kmeans = KMeans(n_clusters=3, n_init=3, random_state=0).fit(points)
np.bincount(kmeans.labels_), round(skm.adjusted_rand_score(truth, kmeans.labels_), 3)

# %%
flat = PCA(n_components=2).fit_transform(points)
flat.shape

# %%
inertia = [KMeans(k, n_init=1, random_state=0).fit(points).inertia_ for k in range(1, 5)]
np.argmin(np.diff(inertia)) + 2

# %%
%matplotlib inline
import matplotlib.pyplot as plt

for label in np.unique(truth):
    plt.scatter(*flat[truth == label].T, label=str(label), s=8)
plt.legend(title="group")
plt.show()

# %%
labels = DBSCAN(eps=2.5).fit_predict(points)
len(set(labels) - {-1}) > 0

# %%
kmeans.predict(points[:5]) == kmeans.labels_[:5]

# %%
type(kmeans).__name__, kmeans.get_params()["n_clusters"]
