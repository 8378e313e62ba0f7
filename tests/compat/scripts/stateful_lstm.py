# ruff: noqa
# fmt: off
"""A stateful LSTM fed piece by piece with `train_on_batch`, reset between the passes."""
import numpy as np
from keras.layers import LSTM, Dense
from keras.models import Sequential

batch_size, steps = 4, 5
t = np.linspace(0, 8 * np.pi, 400)
series = np.stack([np.sin(t + phase) for phase in np.arange(batch_size)])

model = Sequential()
model.add(LSTM(12, batch_input_shape=(batch_size, steps, 1), stateful=True))
model.add(Dense(1))
model.compile(loss='mse', optimizer='adam')

means = []
for _ in range(3):
    losses = []
    for i in range(0, series.shape[1] - steps - 1, steps):
        x = series[:, i:i + steps, None]
        losses.append(model.train_on_batch(x, series[:, i + steps]))
    model.reset_states()
    means.append(np.mean(losses))
assert means[-1] < 0.5 * means[0], means

first = model.predict(series[:, :steps, None], batch_size=batch_size)
second = model.predict(series[:, :steps, None], batch_size=batch_size)
assert not np.allclose(first, second)
model.reset_states()
np.testing.assert_allclose(model.predict(series[:, :steps, None], batch_size=batch_size), first, rtol=1e-5, atol=1e-6)
