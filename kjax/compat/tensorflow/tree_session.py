"""Rows of the stand-in's table: sessions, variables, training, checkpoints, `tf.keras`."""

from __future__ import annotations

_VARIABLES = (
    "AUTO_REUSE Variable VariableScope add_to_collection get_collection get_collection_ref get_variable "
    "get_variable_scope global_variables global_variables_initializer initialize_all_variables="
    "global_variables_initializer initialize_variables=variables_initializer all_variables=global_variables "
    "initialize_local_variables=local_variables_initializer is_variable_initialized local_variables "
    "local_variables_initializer model_variables name_scope placeholder_with_default report_uninitialized_variables "
    "tables_initializer trainable_variables variable_scope variables_initializer"
)
_EFFECTS = "Operation assign assign_add assign_sub control_dependencies group no_op tuple=tuple_"
_CONFIG = "ConfigProto GPUOptions GraphOptions OptimizerOptions RunMetadata RunOptions"
_GRAPHS = "Graph GraphKeys get_default_graph reset_default_graph set_random_seed"
_CURRENT = "get_default_session"
_CHECKPOINTS = (
    "NewCheckpointReader=Reader Saver get_checkpoint_state init_from_checkpoint list_variables load_checkpoint "
    "load_variable"
)
_OPTIMIZERS = (
    "AdadeltaOptimizer AdagradOptimizer AdamOptimizer GradientDescentOptimizer MomentumOptimizer Optimizer "
    "RMSPropOptimizer"
)
_SCHEDULES = (
    "ExponentialMovingAverage cosine_decay create_global_step exponential_decay get_global_step "
    "get_or_create_global_step global_step inverse_time_decay natural_exp_decay piecewise_constant polynomial_decay"
)
_ERRORS = (
    "AbortedError AlreadyExistsError CancelledError DataLossError DeadlineExceededError FailedPreconditionError "
    "InternalError InvalidArgumentError NotFoundError OpError OutOfRangeError PermissionDeniedError "
    "ResourceExhaustedError UnavailableError UnimplementedError UnknownError"
)

_KINDS = "Constant Identity Ones Orthogonal RandomNormal RandomUniform TruncatedNormal VarianceScaling Zeros"
_INITIALIZERS = (
    "constant_initializer=Constant glorot_normal_initializer=glorot_normal glorot_uniform_initializer=glorot_uniform "
    "ones_initializer=Ones orthogonal_initializer=Orthogonal random_normal_initializer=RandomNormal "
    "random_uniform_initializer=RandomUniform truncated_normal_initializer=TruncatedNormal "
    "variance_scaling_initializer=VarianceScaling zeros_initializer=Zeros"
)
_SHORT = (
    "constant=Constant glorot_normal glorot_uniform he_normal he_uniform identity=Identity lecun_normal lecun_uniform "
    "ones=Ones orthogonal=Orthogonal random_normal=RandomNormal random_uniform=RandomUniform "
    "truncated_normal=TruncatedNormal variance_scaling=VarianceScaling zeros=Zeros"
)

NAMES: dict[str, dict[str, str]] = {
    "": {
        ".summaries": "Summary",
        ".config": _CONFIG,
        ".current": _CURRENT,
        ".devices": "device device_scope=device",
        ".effects": _EFFECTS,
        ".errors": "OpError",
        ".graphs": _GRAPHS,
        ".initializers": _INITIALIZERS,
        ".sessions": "InteractiveSession Session",
        ".variables": _VARIABLES,
    },
    "errors": {".errors": _ERRORS},
    "summary": {".summaries": "FileWriter Summary histogram image merge merge_all scalar text"},
    "train": {
        ".checkpoints": _CHECKPOINTS,
        ".optimizers": _OPTIMIZERS,
        ".schedules": _SCHEDULES,
        "saving.tf_checkpoint": "checkpoint_exists latest_checkpoint",
    },
    "contrib.layers": {".initializers": "xavier_initializer xavier_initializer_conv2d=xavier_initializer"},
    "initializers": {
        ".initializers": f"{_SHORT} {_KINDS}",
        ".variables": "global_variables=global_variables_initializer variables=variables_initializer",
    },
    "python.ops.init_ops": {".initializers": f"{_INITIALIZERS} {_KINDS}"},
    "core.protobuf.config_pb2": {".config": _CONFIG},
    "python.client.device_lib": {".devices": "list_local_devices"},
    "python.client.session": {".sessions": "InteractiveSession Session", ".current": _CURRENT},
    "python.framework.errors": {".errors": _ERRORS},
    "python.framework.errors_impl": {".errors": _ERRORS},
    "python.framework.ops": {
        ".current": _CURRENT,
        ".effects": "Operation control_dependencies",
        ".graphs": "Graph GraphKeys get_default_graph reset_default_graph",
        ".devices": "device",
        ".variables": "add_to_collection get_collection get_collection_ref name_scope",
    },
    "python.framework.random_seed": {".graphs": "set_random_seed"},
    "python.ops.control_flow_ops": {".effects": "group no_op tuple=tuple_"},
    "python.ops.state_ops": {".effects": "assign assign_add assign_sub"},
    "python.ops.variable_scope": {
        ".variables": "AUTO_REUSE VariableScope get_variable get_variable_scope variable_scope"
    },
    "python.training.moving_averages": {".schedules": "ExponentialMovingAverage assign_moving_average"},
    "python.ops.variables": {
        ".variables": "Variable global_variables global_variables_initializer trainable_variables"
    },
    "random": {".graphs": "set_random_seed set_seed=set_random_seed"},
    "test": {".devices": "gpu_device_name is_built_with_cuda is_gpu_available"},
}
ALIASES: dict[str, str] = {"python.util.tf_inspect": "inspect"}
ALSO: dict[str, tuple[str, ...]] = {}
INSTEAD: dict[str, str] = {}
