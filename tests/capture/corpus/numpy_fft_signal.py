# %%
import numpy as np
from numpy import fft, pi

rate = 64
t = np.arange(rate) / rate
wave = 2 * np.sin(2 * pi * 5 * t) + np.cos(2 * pi * 12 * t)

# %%
spectrum = np.abs(fft.rfft(wave)) / rate * 2
peaks = np.flatnonzero(spectrum > 0.5)
dict(zip(peaks.tolist(), spectrum[peaks].round(3).tolist()))

# %%
def lowpass(signal, limit):
    """Leave out what is faster than `limit`."""
    transformed = fft.rfft(signal)
    transformed[limit + 1:] = 0
    return fft.irfft(transformed, n=len(signal))

# %%
smooth = lowpass(wave, 6)
float(np.abs(smooth - 2 * np.sin(2 * pi * 5 * t)).max().round(9))

# %%
window = np.hanning(9)
np.convolve(wave, window / window.sum(), mode="same")[:5].round(3)

# %%
noisy = wave + np.random.default_rng(3).normal(scale=0.1, size=rate)
snr = 10 * np.log10((wave**2).sum() / ((noisy - wave) ** 2).sum())
print("SNR: %.1f dB" % snr)

# %%
assert len(noisy) == rate, "one second"
np.corrcoef(noisy, wave)[0, 1].round(3)

# %% raises AssertionError
assert np.allclose(noisy, wave), f"they differ by {np.abs(noisy - wave).max():.3f}"
