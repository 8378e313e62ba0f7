"""Found by `import keras` in a worker process of a program that runs with kjax as Keras: hands over to kjax.

The folder above this one is on `sys.path` then, and `multiprocessing` gives its children the parent's `sys.path`.
"""

import kjax

kjax.install_as_keras()
