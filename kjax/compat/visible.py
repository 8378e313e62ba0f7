"""The table of what each module of Keras 2.2.4 shows besides its own names: what it imports.

No module there lists its names, so programs get the imports as well: by `from keras.layers import *`, as
`keras.metrics.K`, as `keras.layers.core.np`.
"""

from __future__ import annotations

# name -> the object: 'module:name' or 'module:' of kjax, or the same after '=' for what is not of kjax
SOURCES: dict[str, str] = {
    **{
        name: f"={name}"
        for name in (
            "binascii codecs collections copy csv functools hashlib h5py importlib inspect io json keras_applications "
            "keras_preprocessing marshal os pickle pydot queue random re requests shutil six sys tarfile threading "
            "time types warnings yaml zipfile"
        ).split()
    },
    **{
        name: f"=keras_applications.{name}"
        for name in (
            "densenet imagenet_utils inception_resnet_v2 inception_v3 mobilenet mobilenet_v2 nasnet resnet50 vgg16 "
            "vgg19 xception"
        ).split()
    },
    **{name: f"=keras_preprocessing.{name}" for name in ("image", "sequence", "text")},
    **{
        name: f"{name}:"
        for name in (
            "activations backend constraints initializers layers losses models optimizers regularizers utils"
        ).split()
    },
    **{
        name: f"layers.{name}:"
        for name in (
            "advanced_activations convolutional convolutional_recurrent core cudnn_recurrent embeddings local noise "
            "normalization pooling recurrent wrappers"
        ).split()
    },
    **{
        name: f"utils.generic_utils:{name}"
        for name in (
            "Progbar deserialize_keras_object func_dump func_load has_arg is_all_none object_list_uid "
            "serialize_keras_object to_list transpose_shape unpack_singleton"
        ).split()
    },
    "_remove_long_seq": "=keras_preprocessing.sequence:_remove_long_seq",
    "HDF5_OBJECT_HEADER_LIMIT": "utils.io_utils:HDF5_OBJECT_HEADER_LIMIT",
    "HTTPError": "=urllib.error:HTTPError",
    "Input": "engine.input_layer:Input",
    "InputLayer": "engine.input_layer:InputLayer",
    "InputSpec": "engine.base_layer:InputSpec",
    "Iterable": "=collections.abc:Iterable",
    "K": "backend:",
    "Lambda": "layers:Lambda",
    "Layer": "engine.base_layer:Layer",
    "Model": "engine.training:Model",
    "Network": "engine.network:Network",
    "Node": "engine.base_layer:Node",
    "OrderedDict": "=collections:OrderedDict",
    "Sequential": "engine.sequential:Sequential",
    "ThreadPool": "=multiprocessing.pool:ThreadPool",
    "URLError": "=urllib.error:URLError",
    "abstractmethod": "=abc:abstractmethod",
    "ask_to_proceed_with_overwrite": "utils.io_utils:ask_to_proceed_with_overwrite",
    "assert_allclose": "=numpy.testing:assert_allclose",
    "cPickle": "=pickle",
    "cbks": "callbacks:",
    "clone_model": "models:clone_model",
    "closing": "=contextlib:closing",
    "common": "backend.common:",
    "concatenate": "layers:concatenate",
    "conv_utils": "utils.conv_utils:",
    "convert_kernel": "utils.conv_utils:convert_kernel",
    "count_params": "utils.layer_utils:count_params",
    "defaultdict": "=collections:defaultdict",
    "deque": "=collections:deque",
    "get_file": "utils.data_utils:get_file",
    "get_source_inputs": "utils.layer_utils:get_source_inputs",
    "interfaces": "legacy.interfaces:",
    "issparse": "=scipy.sparse:issparse",
    "layer_module": "layers:",
    "metrics_module": "metrics:",
    "mp": "=multiprocessing",
    "namedtuple": "=collections:namedtuple",
    "network": "engine.network:",
    "np": "=numpy",
    "print_layer_summary": "utils.layer_utils:print_summary",
    "py_all": "=builtins:all",
    "py_any": "=builtins:any",
    "py_slice": "=builtins:slice",
    "py_sum": "=builtins:sum",
    "python_types": "=types",
    "range": "=builtins:range",
    "saving": "engine.saving:",
    "standardize_input_data": "compat.training1:standardize_input_data",
    "tensorflow_backend": "backend:",
    "to_categorical": "utils:to_categorical",
    "urlopen": "=urllib.request:urlopen",
    "urlretrieve": "=urllib.request:urlretrieve",
    "zip": "=builtins:zip",
}

# packages that may be absent: the name is None then, as in Keras
OPTIONAL = frozenset(("pydot", "requests"))

# module (without `kjax.`) -> the names, blank-separated
VISIBLE: dict[str, str] = {
    "activations": "Layer six warnings",
    "applications": "backend keras_applications layers models utils",
    "applications.densenet": "densenet",
    "applications.imagenet_utils": "imagenet_utils",
    "applications.inception_resnet_v2": "inception_resnet_v2",
    "applications.inception_v3": "inception_v3",
    "applications.mobilenet": "mobilenet",
    "applications.mobilenet_v2": "mobilenet_v2",
    "applications.mobilenetv2": "mobilenet_v2",
    "applications.nasnet": "nasnet",
    "applications.resnet50": "resnet50",
    "applications.vgg16": "vgg16",
    "applications.vgg19": "vgg19",
    "applications.xception": "xception",
    "backend": (
        "common defaultdict has_arg importlib json np os py_all py_any py_slice py_sum sys tensorflow_backend "
        "transpose_shape"
    ),
    "backend.common": "np",
    "callbacks": "Iterable K OrderedDict csv deque io json np os requests six standardize_input_data sys time warnings",
    "constraints": "K six",
    "datasets.boston_housing": "get_file",
    "datasets.cifar": "cPickle sys",
    "datasets.cifar10": "K get_file",
    "datasets.cifar100": "K get_file",
    "datasets.fashion_mnist": "get_file os",
    "datasets.imdb": "_remove_long_seq get_file json warnings",
    "datasets.mnist": "get_file np",
    "datasets.reuters": "_remove_long_seq get_file json warnings",
    "engine.base_layer": (
        "K copy count_params has_arg initializers interfaces is_all_none object_list_uid re unpack_singleton zip"
    ),
    "engine.input_layer": "K Layer interfaces unpack_singleton",
    "engine.network": (
        "InputLayer K Layer Node ask_to_proceed_with_overwrite copy get_source_inputs h5py has_arg interfaces json "
        "np object_list_uid os print_layer_summary saving to_list unpack_singleton warnings yaml zip"
    ),
    "engine.saving": "HDF5_OBJECT_HEADER_LIMIT K conv_utils h5py json np optimizers os warnings yaml zip",
    "engine.sequential": "Input InputLayer K Layer Model copy h5py layer_module network warnings",
    "engine.training": (
        "K Network copy interfaces losses metrics_module np optimizers to_list unpack_singleton warnings"
    ),
    "engine.training_arrays": "K cbks issparse np",
    "engine.training_generator": "K cbks np warnings",
    "engine.training_utils": "K copy losses np to_list warnings",
    "initializers": "six",
    "layers": (
        "K activations advanced_activations constraints conv_utils convolutional convolutional_recurrent copy core "
        "cudnn_recurrent deserialize_keras_object embeddings func_dump func_load has_arg initializers interfaces "
        "local namedtuple noise normalization np object_list_uid pooling python_types recurrent regularizers "
        "to_list transpose_shape warnings wrappers"
    ),
    "layers.advanced_activations": (
        "InputSpec K Layer activations constraints initializers interfaces regularizers to_list"
    ),
    "layers.convolutional": "K activations constraints conv_utils initializers interfaces regularizers transpose_shape",
    "layers.convolutional_recurrent": (
        "K activations constraints conv_utils has_arg initializers interfaces np regularizers to_list "
        "transpose_shape warnings"
    ),
    "layers.core": (
        "InputSpec K Layer activations constraints conv_utils copy deserialize_keras_object func_dump func_load "
        "has_arg initializers interfaces np python_types regularizers warnings"
    ),
    "layers.cudnn_recurrent": "K constraints initializers namedtuple regularizers",
    "layers.embeddings": "K Layer constraints initializers interfaces regularizers to_list",
    "layers.local": "InputSpec K Layer activations constraints conv_utils initializers interfaces regularizers",
    "layers.merge": "K Layer",
    "layers.noise": "K Layer interfaces np",
    "layers.normalization": "InputSpec K Layer constraints initializers interfaces regularizers",
    "layers.pooling": "InputSpec K Layer conv_utils interfaces",
    "layers.recurrent": "K activations constraints has_arg initializers interfaces np regularizers to_list warnings",
    "layers.wrappers": "K copy has_arg object_list_uid recurrent",
    "legacy": "interfaces layers",
    "legacy.interfaces": "functools np six warnings",
    "legacy.layers": "K activations constraints conv_utils initializers np regularizers to_list warnings",
    "losses": "K six",
    "metrics": "K six serialize_keras_object deserialize_keras_object",
    "models": "K h5py has_arg to_list",
    "optimizers": "K copy deserialize_keras_object interfaces serialize_keras_object six zip",
    "preprocessing": "backend keras_preprocessing utils",
    "preprocessing.image": "backend image inspect utils",
    "preprocessing.sequence": "_remove_long_seq sequence utils",
    "preprocessing.text": "text",
    "regularizers": "K six",
    "utils.conv_utils": "K range",
    "utils.data_utils": (
        "HTTPError Progbar ThreadPool URLError abstractmethod closing hashlib mp np os queue random shutil six sys "
        "tarfile threading time urlopen urlretrieve warnings zipfile"
    ),
    "utils.generic_utils": "binascii codecs collections inspect marshal np python_types six sys time",
    "utils.io_utils": "HDF5_OBJECT_HEADER_LIMIT defaultdict h5py np pickle six sys",
    "utils.layer_utils": "K convert_kernel np",
    "utils.multi_gpu_utils": "K Lambda Model clone_model concatenate to_list",
    "utils.test_utils": "assert_allclose",
    "utils.vis_utils": "pydot",
    "wrappers.scikit_learn": "Sequential copy has_arg np to_categorical to_list types",
}
