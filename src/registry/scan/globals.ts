/** Which names of Python modules a pickle may refer to: a list of what is known to be safe, by framework, and of what is known to be harmful. */

export type Judged = 'safe' | 'unknown' | 'harmful'

const words = (text: string): ReadonlySet<string> => new Set(text.split(/\s+/).filter((word) => word !== ''))

/** Python 2 names of modules; old protocols carry them. */
const RENAMED: Readonly<Record<string, string>> = { __builtin__: 'builtins', copy_reg: 'copyreg', cPickle: 'pickle' }

const SPARSE =
  'csr_matrix csc_matrix coo_matrix bsr_matrix dia_matrix dok_matrix lil_matrix csr_array csc_array coo_array'

/** Exact names by module. */
const SAFE: Readonly<Record<string, ReadonlySet<string>>> = {
  builtins:
    words(`object set frozenset list dict tuple int float bool str bytes bytearray complex slice range xrange long
    unicode NotImplemented Ellipsis Exception ValueError TypeError RuntimeError KeyError IndexError ArithmeticError`),
  collections: words('OrderedDict defaultdict Counter deque'),
  copyreg: words('_reconstructor __newobj__ __newobj_ex__'),
  _codecs: words('encode'),
  array: words('array _array_reconstructor'),
  datetime: words('datetime date time timedelta timezone'),
  decimal: words('Decimal'),
  fractions: words('Fraction'),
  functools: words('partial'),
  operator: words('itemgetter'),
  types: words('SimpleNamespace'),
  uuid: words('UUID'),
  numpy:
    words(`dtype ndarray matrix float16 float32 float64 float128 longdouble int8 int16 int32 int64 intc intp uint8 uint16
    uint32 uint64 bool bool_ str_ bytes_ object_ void unicode_ string_ datetime64 timedelta64 complex64 complex128 number
    generic integer floating signedinteger unsignedinteger mean median sum std var log log2 log10 log1p exp expm1 sqrt
    cbrt square abs absolute sign sin cos tan tanh arcsinh maximum minimum clip round rint floor ceil nan_to_num isnan`),
  'numpy.core.multiarray': words('_reconstruct scalar'),
  'numpy._core.multiarray': words('_reconstruct scalar'),
  'numpy.core.numeric': words('_frombuffer'),
  'numpy._core.numeric': words('_frombuffer'),
  'numpy.ma': words('MaskedArray'),
  'numpy.ma.core': words('MaskedArray _mareconstruct'),
  'numpy.dtypes': words('StringDType Float64DType Float32DType Int64DType Int32DType BoolDType ObjectDType'),
  'numpy.random': words('RandomState Generator'),
  'numpy.random.mtrand': words('RandomState'),
  'numpy.random._mt19937': words('MT19937'),
  'numpy.random._pcg64': words('PCG64 PCG64DXSM'),
  'numpy.random._philox': words('Philox'),
  'numpy.random._sfc64': words('SFC64'),
  'numpy.random._generator': words('Generator'),
  'numpy.random._pickle': words('__bit_generator_ctor __generator_ctor __randomstate_ctor'),
  'numpy.random.bit_generator': words('SeedSequence __pyx_unpickle_SeedSequence'),
  pandas: words(`DataFrame Series Index MultiIndex RangeIndex DatetimeIndex TimedeltaIndex PeriodIndex IntervalIndex
    CategoricalIndex Categorical CategoricalDtype DatetimeTZDtype StringDtype BooleanDtype Int8Dtype Int16Dtype Int32Dtype
    Int64Dtype UInt8Dtype UInt16Dtype UInt32Dtype UInt64Dtype Float32Dtype Float64Dtype Interval IntervalDtype Period
    PeriodDtype Timestamp Timedelta ArrowDtype NA NaT`),
  'pandas.core.indexes.base': words('Index _new_Index'),
  'pandas.core.indexes.datetimes': words('DatetimeIndex _new_DatetimeIndex'),
  'pandas.core.indexes.period': words('PeriodIndex _new_PeriodIndex'),
  'pandas.core.indexes.interval': words('IntervalIndex _new_IntervalIndex'),
  'pandas._libs.internals': words('_unpickle_block'),
  'pandas._libs.arrays': words('__pyx_unpickle_NDArrayBacked'),
  'pandas._libs.interval': words('Interval'),
  'pandas._libs.missing': words('NAType'),
  'pandas._libs.tslibs.nattype': words('_nat_unpickle'),
  'pandas._libs.tslibs.period': words('Period'),
  'pandas._libs.tslibs.timedeltas': words('Timedelta _timedelta_unpickle'),
  'pandas._libs.tslibs.timestamps': words('Timestamp _unpickle_timestamp'),
  // texts of pandas 3: arrays of plain buffers
  pyarrow: words('NA'),
  'pyarrow.lib': words('_restore_array type_for_alias py_buffer'),
  'scipy.interpolate._bsplines': words('BSpline'),
  'scipy._lib.array_api_compat.numpy._aliases': words('asarray'),
  'joblib.numpy_pickle': words('NumpyArrayWrapper'),
  'sklearn.neighbors._kd_tree': words('newObj KDTree KDTree64 KDTree32'),
  'sklearn.neighbors._ball_tree': words('newObj BallTree BallTree64 BallTree32'),
  'sklearn.metrics._dist_metrics': words('newObj'),
  'sklearn.cluster._kmeans': words('_kmeans_single_lloyd _kmeans_single_elkan'),
  'sklearn.feature_selection._univariate_selection': words('f_classif f_regression f_oneway chi2 r_regression'),
  'sklearn.feature_selection._mutual_info': words('mutual_info_classif mutual_info_regression'),
  'sklearn.preprocessing._function_transformer': words('_identity'),
  'sklearn.utils': words('Bunch'),
  'sklearn.utils._bunch': words('Bunch'),
  'sklearn.utils.validation': words('check_array'),
  'sklearn.utils._metadata_requests': words('MetadataRequest MethodMetadataRequest MetadataRouter MethodMapping'),
  'xgboost.core': words('Booster'),
  'xgboost.sklearn': words('XGBModel XGBClassifier XGBRegressor XGBRanker XGBRFClassifier XGBRFRegressor'),
  'lightgbm.basic': words('Booster'),
  'lightgbm.sklearn': words('LGBMModel LGBMClassifier LGBMRegressor LGBMRanker'),
  'catboost.core': words('CatBoost CatBoostClassifier CatBoostRegressor CatBoostRanker'),
  torch:
    words(`Size device Tensor float16 float32 float64 bfloat16 int8 int16 int32 int64 uint8 bool complex64 complex128
    half float double short int long strided sparse_coo contiguous_format channels_last FloatStorage DoubleStorage
    HalfStorage BFloat16Storage IntStorage LongStorage ShortStorage CharStorage ByteStorage BoolStorage QInt8Storage
    QUInt8Storage QInt32Storage ComplexFloatStorage ComplexDoubleStorage`),
  'torch._utils': words(`_rebuild_tensor _rebuild_tensor_v2 _rebuild_tensor_v3 _rebuild_parameter _rebuild_qtensor
    _rebuild_parameter_with_state _rebuild_sparse_tensor _rebuild_meta_tensor_no_storage`),
  'torch.storage': words('UntypedStorage TypedStorage _load_from_bytes'),
  'torch.nn.parameter': words('Parameter Buffer'),
}

/** Modules, with what lies below them, of which nothing belongs in a model. */
const HARMFUL_MODULES =
  words(`os posix nt _posixsubprocess subprocess sys importlib imp runpy pty socket _socket shutil ctypes
  _ctypes cffi webbrowser pickle _pickle dill marshal code codeop pip ensurepip venv commands popen2 asyncio bdb pdb timeit
  trace cProfile profile doctest platform smtplib http urllib urllib2 urllib3 httplib requests aiohttp httpx ftplib telnetlib
  poplib imaplib nntplib xmlrpc ssl multiprocessing threading _thread signal site pkgutil zipimport tempfile fileinput
  logging.config idlelib lib2to3 distutils setuptools pydoc inspect gc sqlite3 dbm shelve tkinter msvcrt winreg _winapi
  antigravity this turtle turtledemo socketserver wsgiref atexit mmap fcntl resource py_compile compileall zipapp linecache glob cgitb getpass crypt _osx_support
  test numpy.testing numpy.f2py numpy.distutils torch.hub torch.utils.cpp_extension torch._inductor sklearn.utils._testing`)

/** Names in otherwise unknown modules. */
const HARMFUL_NAMES: Readonly<Record<string, ReadonlySet<string>>> = {
  builtins:
    words(`eval exec execfile compile __import__ open file input raw_input breakpoint globals locals vars setattr
    delattr apply help exit quit __build_class__ reload`),
  operator: words('methodcaller call'),
  types: words('FunctionType CodeType MethodType LambdaType'),
  codecs: words('open'),
  io: words('open open_code FileIO OpenWrapper'),
  _io: words('open open_code FileIO'),
  numpy: words('load save savez fromfile tofile memmap loadtxt genfromtxt'),
  torch: words('load save'),
  pandas: words('read_pickle eval HDFStore ExcelWriter'),
  joblib: words('load dump'),
  cloudpickle: words('load loads'),
}

/** A part of a dotted name that reaches for the interpreter. */
const REACHING =
  words(`os sys subprocess system popen Popen eval exec compile open __import__ __globals__ __builtins__ __code__
  __subclasses__ __class__ __dict__ __getattribute__ modules spawn run check_output`)

/**
 * Classes of scikit-learn: constructors keep what they are given. Its helpers, data sets and tests are not among them, nor its
 * callbacks (1.9), which connect to an address as soon as they are made.
 */
const ESTIMATOR_MODULE = /^sklearn(\.(?!utils|datasets|externals|tests|_build|conftest|experimental|callback)\w+)*$/
const CLASS = /^_?[A-Z]\w*$/
/** Classes of the standard library that a module may have imported. */
const FOREIGN = words(
  `Popen Path PurePath Thread Process Pool Memory Parallel MemmappingPool ThreadPool Random StringIO BytesIO TemporaryDirectory
  Client Listener Connection Queue SimpleQueue Manager`,
)

interface Rule {
  readonly module: RegExp
  readonly name: RegExp
}

const RULES: readonly Rule[] = [
  { module: ESTIMATOR_MODULE, name: CLASS },
  { module: /^sklearn\.metrics(\.\w+)*$/, name: /^[a-z]\w*_(score|error|loss|distances|kernel)$/ },
  { module: /^sklearn\._loss\._loss$/, name: /^__pyx_unpickle_Cy\w+$/ },
  { module: /^_loss$/, name: /^Cy\w+$/ },
  { module: /^pandas\.arrays$|^pandas\.core\.(arrays|indexes|internals|dtypes|frame|series)(\.\w+)*$/, name: CLASS },
  { module: /^pandas\._libs\.tslibs\.offsets$/, name: CLASS },
  { module: /^scipy\.sparse(\._?\w+)?$/, name: new RegExp(`^(${SPARSE.replaceAll(' ', '|')})$`) },
  { module: /^torch\.nn\.modules(\.\w+)*$/, name: CLASS },
]

/**
 * Whether a pickle may refer to this. A dotted name walks from attribute to attribute and so can reach anything: it is never
 * safe. `harmful` names a thing with no use in a model but to harm; all else that is not listed is `unknown`.
 */
export function judgeGlobal(givenModule: string, name: string): Judged {
  const module = RENAMED[givenModule] ?? givenModule
  if (SAFE[module]?.has(name) === true) return 'safe'
  const parts = name.split('.')
  if (isBelow(module, HARMFUL_MODULES) || HARMFUL_NAMES[module]?.has(name) === true) return 'harmful'
  if (parts.length > 1) return parts.some((part) => REACHING.has(part)) ? 'harmful' : 'unknown'
  if (FOREIGN.has(name)) return 'unknown'
  return RULES.some((rule) => rule.module.test(module) && rule.name.test(name)) ? 'safe' : 'unknown'
}

function isBelow(module: string, listed: ReadonlySet<string>): boolean {
  const parts = module.split('.')
  return parts.some((_, i) => listed.has(parts.slice(0, i + 1).join('.')))
}
