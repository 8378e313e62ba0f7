"""Do two sequences come from the same source? One LSTM shared by both sides."""
import numpy as np
import keras
from keras.layers import LSTM, Dense, Input
from keras.models import Model

np.random.seed(3)
tweet_a = Input(shape=(10, 6))
tweet_b = Input(shape=(10, 6))
shared_lstm = LSTM(12)
encoded_a = shared_lstm(tweet_a)
encoded_b = shared_lstm(tweet_b)
merged_vector = keras.layers.concatenate([encoded_a, encoded_b], axis=-1)
predictions = Dense(1, activation='sigmoid')(merged_vector)
model = Model(inputs=[tweet_a, tweet_b], outputs=predictions)
model.compile(optimizer='adam', loss='binary_crossentropy', metrics=['accuracy'])
assert shared_lstm.get_output_at(0) is encoded_a and shared_lstm.get_output_at(1) is encoded_b
try:
    shared_lstm.output
    raise SystemExit('the output of a layer called twice must be ambiguous')
except AttributeError as e:
    assert 'multiple inbound nodes' in str(e)
assert len(model.trainable_weights) == 5

data_a = np.random.randn(120, 10, 6)
same = np.random.randint(0, 2, (120, 1))
data_b = np.where(same[:, :, None] == 1, data_a, np.random.randn(120, 10, 6) + 1)
history = model.fit([data_a, data_b], same, epochs=12, batch_size=20, verbose=0)
assert history.history['loss'][-1] < 0.8 * history.history['loss'][0]
