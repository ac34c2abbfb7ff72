/** Python packages that tests install: clients that call a gateway, libraries whose models are lowered. */

/** NVIDIA's client of the Open Inference Protocol. */
export const TRITON_CLIENT = ['tritonclient[http,grpc]', 'geventhttpclient', 'grpcio', 'aiohttp', 'numpy'] as const

const EXPORT_GROUND = ['numpy==2.4.6', 'scipy==1.17.1', 'pandas==3.1.1', 'mlflow-skinny==3.17.2']

/** scikit-learn of today with what it runs on. */
export const LEARN = ['scikit-learn==1.9.1', ...EXPORT_GROUND]

/** The oldest supported scikit-learn with what it runs on. */
export const OLDEST_LEARN = [
  'scikit-learn==1.3.2',
  'numpy==1.26.4',
  'scipy==1.17.1',
  'pandas==2.2.3',
  'mlflow-skinny==2.22.5',
]

/** Libraries of boosted trees, the newest and older minor versions, with what they run on. */
export const BOOSTED = {
  newest: [...LEARN, 'xgboost-cpu==3.2.0', 'lightgbm==4.7.0'],
  older: [
    'scikit-learn==1.5.2',
    'numpy==1.26.4',
    'scipy==1.14.1',
    'pandas==2.2.3',
    'mlflow-skinny==2.22.5',
    'xgboost-cpu==2.1.4',
    'lightgbm==4.3.0',
  ],
} as const

/** Libraries whose models are exported to ONNX. */
export const EXPORTED = {
  catboost: ['catboost==1.2.10', ...EXPORT_GROUND],
  /** With what it needs of CUDA 6 GB: installed only where it is asked for. */
  pytorch: ['torch==2.15.0', 'onnxscript==0.7.2', 'onnx==1.23.2', ...EXPORT_GROUND],
  /** 2 GB, as above. */
  tensorflow: ['tensorflow-cpu==2.21.0', 'keras==3.15.1', 'tf2onnx==1.17.0', 'onnx==1.23.2', ...EXPORT_GROUND],
} as const

/** The library whose contributions ours equal. */
export const SHAP = 'shap==0.51.0'

/** The mlflow client as a notebook of scikit-learn has it, and an exporter of OpenTelemetry: one environment of several scenarios. */
export const MLFLOW_CLIENT = [
  'scikit-learn==1.7.2',
  'pandas==2.3.3',
  'numpy==2.2.6',
  'mlflow-skinny==3.17.2',
  'opentelemetry-exporter-otlp-proto-http',
] as const

/** KServe's client of its first and second protocol, over REST and gRPC. */
export const KSERVE_CLIENT = ['kserve==0.21.0'] as const

/** MLServer's codecs, stubs and `mlserver infer`. */
export const MLSERVER_CLIENT = ['mlserver==1.7.1', 'pandas', 'numpy'] as const

/** A kernel, what runs a notebook in it, the client that logs there, and what installs our package beside it without an index. */
export const NOTEBOOK = [
  'ipykernel==7.4.0',
  'ipython==9.18.1',
  'nbclient==0.11.0',
  'nbformat==5.11.1',
  'mlflow-skinny==3.17.2',
  'setuptools==84.2.1',
  'pip==26.3',
] as const
