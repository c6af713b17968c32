# %%
import numpy as np
import numpy.linalg as la
from numpy.linalg import norm, LinAlgError

# %%
A = np.array([[4.0, 1.0, 0.0], [1.0, 3.0, 1.0], [0.0, 1.0, 2.0]])
b = np.array([1.0, 2.0, 3.0])
x = la.solve(A, b)
np.allclose(A @ x, b), x.round(4)

# %%
values, vectors = la.eigh(A)
values.round(4)

# %%
def power_method(M, steps=100):
    v = np.ones(len(M))
    for _ in range(steps):
        v = M @ v
        v /= norm(v)
    return v @ M @ v, v

# %%
top, v = power_method(A)
print(f"{top:.4f}", np.isclose(top, values[-1]))

# %%
Q, R = la.qr(A)
np.allclose(Q.T @ Q, np.eye(3)), np.triu(R).round(2)

# %% raises LinAlgError
la.inv(np.zeros((2, 2)))

# %%
try:
    la.cholesky(-A)
except LinAlgError as error:
    message = str(error)
message

# %%
np.set_printoptions(precision=2)
try:
    print(A / 3)
finally:
    np.set_printoptions(precision=8)

# %%
np.einsum("ij,jk,k->i", A, A, b)
