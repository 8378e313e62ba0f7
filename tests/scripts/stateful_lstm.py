"""A stateful LSTM that must remember the first step of a sequence fed one step at a time."""
import numpy as np
from keras.layers import LSTM, Dense
from keras.models import Sequential

np.random.seed(5)
batch, steps = 8, 4
model = Sequential()
model.add(LSTM(10, batch_input_shape=(batch, 1, 1), stateful=True))
model.add(Dense(1, activation='sigmoid'))
model.compile(loss='binary_crossentropy', optimizer='adam', metrics=['accuracy'])

x = np.zeros((64, steps, 1))
x[:32, 0, 0] = 1.
y = x[:, 0, 0]
order = np.random.permutation(64)
losses = []
for epoch in range(12):
    total = []
    for start in range(0, 64, batch):
        rows = order[start:start + batch]
        for t in range(steps):
            loss, _ = model.train_on_batch(x[rows, t:t + 1], y[rows])
            total.append(loss)
        model.reset_states()
    losses.append(np.mean(total))
assert losses[-1] < losses[0]

rows = order[:batch]
model.reset_states()
one = model.predict_on_batch(x[rows, :1])
two = model.predict_on_batch(x[rows, :1])
assert not np.allclose(one, two), 'the state must carry over'
model.reset_states()
np.testing.assert_allclose(model.predict_on_batch(x[rows, :1]), one, rtol=1e-6)
