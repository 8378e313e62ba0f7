# ruff: noqa
# fmt: off
"""Two sequences read by the same LSTM: a siamese model."""
import keras
import numpy as np
from keras.layers import LSTM, Dense, Input
from keras.models import Model

tweet_a, tweet_b = Input(shape=(12, 6)), Input(shape=(12, 6))
shared_lstm = LSTM(8)
encoded_a, encoded_b = shared_lstm(tweet_a), shared_lstm(tweet_b)
merged_vector = keras.layers.concatenate([encoded_a, encoded_b], axis=-1)
predictions = Dense(1, activation='sigmoid')(merged_vector)
model = Model(inputs=[tweet_a, tweet_b], outputs=predictions)
model.compile(optimizer='rmsprop', loss='binary_crossentropy', metrics=['accuracy'])

rng = np.random.RandomState(2)
data_a, data_b = rng.normal(size=(40, 12, 6)), rng.normal(size=(40, 12, 6))
labels = rng.randint(2, size=(40, 1))
model.fit([data_a, data_b], labels, epochs=3, verbose=0)

assert shared_lstm.get_output_at(0) is encoded_a and shared_lstm.get_output_at(1) is encoded_b
try:
    shared_lstm.output
except AttributeError as err:
    assert 'multiple inbound nodes' in str(err)
else:
    raise AssertionError('the output of a shared layer is ambiguous')
assert len(model.trainable_weights) == 5
