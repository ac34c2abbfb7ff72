/** The scanner on files that were made to deceive it, on sound ones of each format, and on noise. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { prng } from '../../stats/prng.ts'
import { zip } from './archives.fixture.ts'
import { Findings, verdictOf } from './findings.ts'
import type { Finding } from './findings.ts'
import { judgeGlobal } from './globals.ts'
import { LIMITS, scanFile } from './scan.ts'
import type { ScanLimits } from './scan.ts'

function scan(name: string, bytes: Uint8Array | string, limits?: ScanLimits): { verdict: string; findings: Finding[] } {
  const found = new Findings()
  scanFile(name, typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : Buffer.from(bytes), found, limits)
  return { verdict: verdictOf(found.list()), findings: found.list() }
}

const base64 = (text: string): Buffer => Buffer.from(text, 'base64')

const EVIL = Buffer.from("cos\nsystem\n(S'id'\ntR.", 'latin1')

describe('pickles that harm', () => {
  for (const [title, bytes, what] of [
    ['protocol 0, a global by lines', EVIL, 'os.system'],
    [
      'protocol 4, names on the stack',
      base64('gASVHQAAAAAAAACMBXBvc2l4lIwGc3lzdGVtlJOUjAJpZJSFlFKULg=='),
      'posix.system',
    ],
    ['the call is thrown away afterwards', '\x80\x02cos\nsystem\nU\x02id\x85R0N.', 'os.system'],
    ['names from the memo', '\x80\x04\x8c\x02os\x94\x8c\x06system\x940\x30h\x00h\x01\x93\x8c\x02id\x85R.', 'os.system'],
    ['names with escapes', "S'\\x6fs'\nS'syste\\155'\n\x93S'id'\n\x85R.", 'os.system'],
    ['an instance by lines', "(S'id'\nios\nsystem\n.", 'os.system'],
    ['an object by mark', "(cos\nsystem\nS'id'\no.", 'os.system'],
    [
      'a dotted name that walks out of a module',
      '\x80\x04\x8c\x0asklearn.pi\x8c\x09os.system\x93.',
      'sklearn.pi.os.system',
    ],
    ['NumPy makes a function by name', "cnumpy.core\n_ufunc_reconstruct\n(S'os'\nS'system'\ntR.", 'os.system'],
    ['the rest of the file is broken', "cos\nsystem\n(S'id'\ntR\xff\xff", 'os.system'],
    [
      'the state of a class',
      "csklearn.base\nClassifierMixin\n}S'predict'\nNsb.",
      'a change of sklearn.base.ClassifierMixin',
    ],
    [
      'the state of a function from the memo',
      "csklearn.metrics._classification\naccuracy_score\np0\n0g0\n}S'__kwdefaults__'\nNsb.",
      'a change of sklearn.metrics._classification.accuracy_score',
    ],
    ['an item of a class', "csklearn.base\nClassifierMixin\nS'a'\nNs.", 'a change of sklearn.base.ClassifierMixin'],
    ['items of a class', "csklearn.base\nClassifierMixin\n(S'a'\nNu.", 'a change of sklearn.base.ClassifierMixin'],
    ['what is appended to a class', 'csklearn.base\nClassifierMixin\nNa.', 'a change of sklearn.base.ClassifierMixin'],
    ['eval of Python 2', "c__builtin__\neval\n(S'1'\ntR.", '__builtin__.eval'],
    ['a second pickle after the first', 'N.\x80\x02cos\nsystem\n.', 'os.system'],
    [
      'a pickle in the bytes of a torch storage',
      'ctorch.storage\n_load_from_bytes\n(C\x0ccos\nsystem\n.tR.',
      'os.system',
    ],
  ] as const) {
    test(title, () => {
      const bytesOf = typeof bytes === 'string' ? bytes.replace('N.\x80', '\x80\x02N.\x80') : bytes
      const { verdict, findings } = scan('model.pkl', bytesOf)
      assert.equal(verdict, 'malicious', JSON.stringify(findings))
      assert.equal(findings[0]?.what, what)
    })
  }
  test('file and byte are named', () => {
    assert.deepEqual(scan('model/model.pkl', '\x80\x02Ncos\nsystem\n.').findings[0], {
      level: 'malicious',
      file: 'model/model.pkl',
      offset: 3,
      what: 'os.system',
      reason: 'loading the file would reach it, and no model needs it',
    })
  })
  test('in a text file of any name', () => assert.equal(scan('README', EVIL).verdict, 'malicious'))
})

describe('pickles that are not known to be safe', () => {
  for (const [title, bytes, what] of [
    ['an unknown global', 'cmine\nThing\n.', 'mine.Thing'],
    ['getattr', "c__builtin__\ngetattr\n(cnumpy\nndarray\nS'x'\ntR.", '__builtin__.getattr'],
    ['a computed name', "(S'x'\nS'y'\ntS'z'\n\x93.", 'a computed name'],
    ['an extension', '\x82\x05.', 'extension 5'],
    ['a persistent id', 'Psomething\n.', 'a persistent id'],
    ['a call of what was made', 'cfunctools\npartial\n(cnumpy\nmean\ntR(tR.', 'a call'],
    ['a helper of the tests', 'csklearn.utils._random\nThing\n.', 'sklearn.utils._random.Thing'],
    ['a class that a module has imported', 'csklearn.pipeline\nMemory\n.', 'sklearn.pipeline.Memory'],
    [
      'a connection to elsewhere',
      "csklearn.callback._transport\nClient\n((S'10.0.0.1'\nI80\nttR.",
      'sklearn.callback._transport.Client',
    ],
    [
      'a socket file',
      "csklearn.callback._transport\nListener\n(S'/tmp/s'\ntR.",
      'sklearn.callback._transport.Listener',
    ],
    [
      'a callback that connects when its state is set',
      'csklearn.callback._scoring_monitor\nScoringMonitor\n)\x81}b.',
      'sklearn.callback._scoring_monitor.ScoringMonitor',
    ],
    ['a connection that another module has imported', 'csklearn.base\nClient\n.', 'sklearn.base.Client'],
    ['no opcode', '\x80\x04N\xfe.', 'an unreadable pickle'],
    ['an argument that ends early', '\x80\x04X\xff\xff\xff\x7fab', 'an unreadable pickle'],
    ['a length of 2^63', '\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\x7fab.', 'an unreadable pickle'],
    ['an empty stack', 'R.', 'an unreadable pickle'],
    ['a value that was not kept', 'g77\n.', 'an unreadable pickle'],
    ['bytes after the end', '\x80\x02N.rest', '4 bytes after the end'],
  ] as const) {
    test(title, () => {
      const { verdict, findings } = scan('model.pkl', bytes)
      assert.equal(verdict, 'suspicious', JSON.stringify(findings))
      assert.ok(
        findings.some((one) => one.what === what),
        JSON.stringify(findings),
      )
    })
  }
  test('a table of pandas 3 with a column of texts is clean', () => {
    const written =
      'gAWVIQMAAAAAAACMBnBhbmRhc5SMCURhdGFGcmFtZZSTlCmBlH2UKIwEX21ncpSMHnBhbmRhcy5jb3JlLmludGVybmFscy5tYW5hZ2Vyc5SMDE' +
      'Jsb2NrTWFuYWdlcpSTlIwWcGFuZGFzLl9saWJzLmludGVybmFsc5SMD191bnBpY2tsZV9ibG9ja5STlIwNcGFuZGFzLmFycmF5c5SMEEFycm93' +
      'U3RyaW5nQXJyYXmUk5QpgZR9lCiMCV9wYV9hcnJheZSMC3B5YXJyb3cubGlilIwOX3Jlc3RvcmVfYXJyYXmUk5QoaBKMDnR5cGVfZm9yX2FsaW' +
      'FzlJOUjAxsYXJnZV9zdHJpbmeUhZRSlEsBSwBLAF2UKE5oEowJcHlfYnVmZmVylJOUlhAAAAAAAAAAAAAAAAAAAAABAAAAAAAAAJSFlFKUaByW' +
      'AQAAAAAAAAB4lIWUUpRlXZROdJSFlFKUjAZfZHR5cGWUaACMC1N0cmluZ0R0eXBllJOUjAdweWFycm93lEd/+AAAAAAAAIaUUpSMBl9jYWNoZZ' +
      'R9lHVijAhidWlsdGluc5SMBXNsaWNllJOUSwBLAUsBh5RSlEsCh5RSlIWUXZQojBhwYW5kYXMuY29yZS5pbmRleGVzLmJhc2WUjApfbmV3X0lu' +
      'ZGV4lJOUaACMBUluZGV4lJOUfZQojARkYXRhlGgOKYGUfZQoaBFoFChoFowMbGFyZ2Vfc3RyaW5nlIWUUpRLAUsASwBdlChOaByWEAAAAAAAAA' +
      'AAAAAAAAAAAAEAAAAAAAAAlIWUUpRoHJYBAAAAAAAAAGKUhZRSlGVdlE50lIWUUpRoJ2gpaCpHf/gAAAAAAACGlFKUaC19lHVijARuYW1llE51' +
      'hpRSlGg6aACMClJhbmdlSW5kZXiUk5R9lChoUk6MBXN0YXJ0lEsAjARzdG9wlEsBjARzdGVwlEsBdYaUUpRlhpRSlIwEX3R5cJSMCWRhdGFmcm' +
      'FtZZSMCV9tZXRhZGF0YZRdlIwFYXR0cnOUfZSMBl9mbGFnc5R9lIwXYWxsb3dzX2R1cGxpY2F0ZV9sYWJlbHOUiHN1Yi4='
    assert.deepEqual(scan('table.pkl', base64(written)), { verdict: 'clean', findings: [] })
  })

  test('the list: by framework, and nothing by a dotted name', () => {
    assert.equal(judgeGlobal('sklearn.ensemble._forest', 'RandomForestClassifier'), 'safe')
    assert.equal(judgeGlobal('sklearn.ensemble._forest', 'RandomForestClassifier.fit'), 'unknown')
    assert.equal(judgeGlobal('torch._utils', '_rebuild_tensor_v2'), 'safe')
    assert.equal(judgeGlobal('torch.hub', 'load'), 'harmful')
    assert.equal(judgeGlobal('os.path', 'join'), 'harmful')
    assert.equal(judgeGlobal('osx', 'join'), 'unknown')
  })
})

describe('arrays in the stream of joblib', () => {
  /** A wrapper of an array whose dict holds these items (opcodes), and the bytes that follow it. */
  const wrapped = (items: string, after: string): string =>
    `\x80\x04cjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81}(${items}ub${after}`
  const dtype = (text: string, state: string): string =>
    `cnumpy\ndtype\n(U${String.fromCharCode(text.length)}${text}K\x00K\x01tR${state}`
  /** State of a type: width and flags as opcodes. */
  const stateOf = (size: string, flags: string): string => `(K\x03U\x01|NNN${size}K\x01${flags}tb`
  const plain = stateOf('J\xff\xff\xff\xff', 'K\x00')
  const shape = (rows: number): string => `U\x05shapeK${String.fromCharCode(rows)}\x85`
  const evil = 'cos\nsystem\n.'
  const long = String.fromCharCode(evil.length)

  test('bytes of an array are no opcodes for joblib, but they are for pickle.load', () => {
    const array = (bytes: string) =>
      scan('m.joblib', wrapped(`U\x05dtype${dtype('u1', plain)}${shape(bytes.length)}`, `${bytes}.`))
    const numbers = array('\x93RcNN\x85R0\x93i(\x93t')
    assert.equal(numbers.verdict, 'clean', JSON.stringify(numbers.findings))
    const hidden = array(evil)
    assert.deepEqual([hidden.verdict, hidden.findings[0]?.what], ['malicious', 'os.system'])
  })
  for (const [title, items] of [
    ['a structure with objects', `U\x05dtype${dtype('V1', stateOf('K\x01', 'K\x3f'))}${shape(12)}`],
    [
      'objects in a type that was remembered before',
      `U\x05dtype${dtype('V1', `q\x07${stateOf('K\x01', 'K\x3f')}0h\x07`)}${shape(12)}`,
    ],
    ['flags that are computed', `U\x05dtype${dtype('V1', stateOf('K\x01', 'cbuiltins\nint\nK\x3f\x85R'))}${shape(12)}`],
    ['a width of its own', `U\x05dtype${dtype(`V${evil.length}`, stateOf('K\x00', 'K\x00'))}${shape(1)}`],
    ['a compound type', `U\x05dtype${dtype('u1,u1', plain)}${shape(6)}`],
    ['a computed shape', `U\x05dtype${dtype('u1', plain)}U\x05shapecbuiltins\nint\nK${long}\x85R\x85`],
    [
      'an alignment that is computed',
      `U\x05dtype${dtype('u1', plain)}${shape(12)}U\x1bnumpy_array_alignment_bytescbuiltins\nint\nK\x01\x85R`,
    ],
    [
      'a shape that is given again after many others',
      `U\x05dtype${dtype('u1', plain)}${shape(12)}${Array.from({ length: 40 }, (_, i) => `U\x03k${10 + i}N`).join('')}${shape(0)}`,
    ],
  ] as const) {
    test(`${title} does not hide what follows`, () => {
      assert.notEqual(scan('m.joblib', wrapped(items, `${evil}.`)).verdict, 'clean')
    })
  }
})

describe('files that are a pickle too', () => {
  const called = 'cshop.till\nopen_it\n(tR.'
  for (const [title, name, bytes, verdict] of [
    ['a picture', 'a.pkl', `GIF89a\0\0\x000${EVIL.toString('latin1')}`, 'malicious'],
    ['a picture, of a name that is not known', 'a.gif', `GIF89a\0\0\x000cshop.till\nopen_it\n`, 'suspicious'],
    ['a text with a call', 'a.txt', called, 'suspicious'],
    ['a text that is a whole pickle', 'a.txt', 'cshop\ntill\n.', 'suspicious'],
    ['a text with a name after other opcodes', 'a.txt', '(N1cshop\ntill\n', 'suspicious'],
    ['a text whose last line does not end', 'a.txt', 'cshop.till\nopen_it', 'suspicious'],
    // Python's own unpickler imports what it has read before it finds that nothing follows; C's does not
    ['a picture that ends in the name of a module', 'a.gif', 'N0(Vx\n0ishop.till]act.', 'suspicious'],
    ['a module, and no line for the name', 'a.gif', 'N0cshop.till\n', 'suspicious'],
    ['a name whose last sign is the end of the file', 'a.pkl', 'cos\nsystemX', 'malicious'],
    ['a text with a name that has no mark before it', 'a.txt', 'ishop.till\nopen_it\n', 'suspicious'],
    ['words that begin like a name', 'labels.txt', 'cat\ndog\nbird\n', 'clean'],
    ['a text with numbers as Python reads them', 'a.txt', `I0x1_0\n0${EVIL.toString('latin1')}`, 'malicious'],
  ] as const)
    test(`${title} is ${verdict}`, () => {
      const { verdict: said, findings } = scan(name, bytes)
      assert.equal(said, verdict, JSON.stringify(findings))
    })
})

describe('archives', () => {
  test('members are scanned and named, also in archives in archives', () => {
    const inner = zip([{ name: 'data.pkl', content: EVIL }])
    const { verdict, findings } = scan('model.zip', gzipSync(zip([{ name: 'a/inner.zip', content: inner }])))
    assert.equal(verdict, 'malicious')
    assert.equal(findings[0]?.file, 'model.zip!a/inner.zip!data.pkl')
  })
  for (const [title, member, reason] of [
    ['a header that names another file', { localName: 'evil.pkl' }, /names another file/],
    ['a wrong checksum', { crc: 1 }, /checksum/],
    ['encryption', { flags: 1 }, /encrypted/],
  ] as const) {
    test(`refused: ${title}`, () => {
      const { verdict, findings } = scan('m.zip', zip([{ name: 'good.txt', content: Buffer.from('hello'), ...member }]))
      assert.equal(verdict, 'suspicious')
      assert.match(findings[0]?.reason ?? '', reason)
    })
  }
  test('a name that leads outside', () => {
    const { findings } = scan('m.zip', zip([{ name: '../../etc/cron', content: Buffer.from('x') }]))
    assert.equal(findings[0]?.what, 'a name that leads outside')
  })
  test('a bomb is not unpacked', () => {
    const small = { ...LIMITS, ratio: 2, member: 4 * 1024 * 1024 }
    const { verdict, findings } = scan('m.zip', zip([{ name: 'zeros.txt', content: Buffer.alloc(8 << 20, 97) }]), small)
    assert.equal(verdict, 'suspicious')
    assert.match(findings[0]?.reason ?? '', /more than/)
  })
  test('depth and number of members are limited', () => {
    let nested = zip([{ name: 'x.txt', content: Buffer.from('x') }])
    for (let i = 0; i < 8; i++) nested = zip([{ name: 'n.zip', content: nested }])
    assert.ok(scan('m.zip', nested).findings.some((one) => one.what === 'archives in archives'))
    const many = zip(Array.from({ length: 20 }, (_, i) => ({ name: `${i}.txt`, content: Buffer.from('x') })))
    assert.equal(scan('m.zip', many, { ...LIMITS, members: 10 }).verdict, 'suspicious')
    assert.equal(scan('m.zip', many).verdict, 'clean')
  })
  test('a zip hidden behind a picture', () => {
    const picture = Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), zip([{ name: 'data.pkl', content: EVIL }])])
    assert.notEqual(scan('logo.png', picture).verdict, 'clean')
  })
})

/** A safetensors file with this header and so many bytes of data. */
function safetensors(header: unknown, data: number): Buffer {
  const text = Buffer.from(JSON.stringify(header))
  const size = Buffer.alloc(8)
  size.writeBigUInt64LE(BigInt(text.length))
  return Buffer.concat([size, text, Buffer.alloc(data)])
}

const varint = (value: number): number[] => (value < 128 ? [value] : [(value & 127) | 128, ...varint(value >>> 7)])
/** A protobuf field of bytes. */
const field = (number: number, content: Uint8Array | string): Buffer => {
  const bytes = Buffer.from(content)
  return Buffer.concat([Buffer.from([...varint(number * 8 + 2), ...varint(bytes.length)]), bytes])
}

describe('formats without code', () => {
  test('safetensors: sound, and with bytes that belong to no tensor', () => {
    const good = { w: { dtype: 'F32', shape: [2, 3], data_offsets: [0, 24] }, __metadata__: { format: 'pt' } }
    assert.equal(scan('model.safetensors', safetensors(good, 24)).verdict, 'clean')
    assert.match(scan('m.safetensors', safetensors(good, 30)).findings[0]?.reason ?? '', /6 bytes belong to no tensor/)
    const wrong = { w: { dtype: 'F32', shape: [2], data_offsets: [0, 24] } }
    assert.equal(scan('m.safetensors', safetensors(wrong, 24)).verdict, 'suspicious')
  })
  test('ONNX: operator sets and external data', () => {
    const model = (domain: string, location: string): Buffer => {
      const entry = Buffer.concat([field(1, 'location'), field(2, location)])
      const graph = field(7, field(5, Buffer.concat([field(8, 'w'), field(13, entry)])))
      return Buffer.concat([
        Buffer.from([8, 9]),
        graph,
        field(8, Buffer.concat([field(1, domain), Buffer.from([16, 17])])),
      ])
    }
    assert.equal(scan('model.onnx', model('ai.onnx.ml', 'weights.bin')).verdict, 'clean')
    assert.equal(scan('model.onnx', model('', '../../etc/passwd')).verdict, 'malicious')
    assert.match(scan('model.onnx', model('evil.ops', 'w')).findings[0]?.what ?? '', /evil\.ops/)
  })
  test('XGBoost as UBJSON, LightGBM as text, a picture', () => {
    const ubj = Buffer.concat([Buffer.from('{L'), Buffer.from([0, 0, 0, 0, 0, 0, 0, 7]), Buffer.from('learner{}}')])
    assert.equal(scan('model.ubj', ubj).verdict, 'clean')
    assert.equal(scan('model.ubj', Buffer.concat([ubj, Buffer.from([0])])).verdict, 'suspicious')
    assert.equal(scan('model.lgb', 'tree\nversion=v4\nnum_class=1\n').verdict, 'clean')
    assert.equal(scan('model.json', '{"learner": {}, "version": [3, 0, 0]}').verdict, 'clean')
    assert.equal(scan('loss.png', Buffer.from('89504e470d0a1a0a0000', 'hex')).verdict, 'clean')
  })
  test('what the scanner does not look into is not called clean', () => {
    assert.equal(scan('model.h5', Buffer.from('894844460d0a1a0a0000', 'hex')).verdict, 'suspicious')
    assert.equal(scan('libx.so', Buffer.from('7f454c4602010100', 'hex')).verdict, 'suspicious')
    assert.equal(scan('model.weird', Buffer.from([1, 0, 2, 0, 200, 201])).verdict, 'suspicious')
  })
})

describe('text', () => {
  for (const [name, text, what] of [
    ['code/model.py', 'import os\n', 'Python source'],
    ['MLmodel', 'flavors:\n  python_function:\n    loader_module: my_loader\n', 'loader my_loader'],
    ['conda.yaml', 'x: !!python/object/apply:os.system [id]\n', '!!python/object/apply:os.system'],
    ['MLmodel', 'x: !python/name:os.system\n', '!python/name:os.system'],
    [
      'conda.yml',
      'x: !<tag:yaml.org,2002:python/object/apply:os.system> [id]\n',
      '!<tag:yaml.org,2002:python/object/apply:os.system',
    ],
    ['conda.yaml', 'x: !!%70ython/object/apply:os.system [id]\n', '!!%70ython/object/apply:os.system'],
    ['conda.yaml', '%TAG !e! tag:yaml.org,2002:py\n---\nx: !e!thon/name:os.system\n', '%TAG !e! tag:yaml.org,2002:py'],
    ['config.json', String.raw`{"layers": [{"class_name": "L\u0061mbda"}]}`, String.raw`a letter written as \u0061`],
    ['config.json', String.raw`{"auto\u005Fmap": {}}`, String.raw`a letter written as \u005F`],
    ['requirements.txt', 'numpy==2.2.6\n--index-url http://example.org\n', '--index-url'],
    ['requirements.txt', 'tool @ http://example.org/tool.whl\n', 'tool @ http://example.org/tool.whl'],
    ['MLmodel', '{"flavors": {"python_function": {"loader_module": "my_loader"}}}', 'loader my_loader'],
    ['MLmodel', 'flavors: {python_function: {"loader\\x5fmodule" : my_loader}}', 'loader my_loader'],
    ['MLmodel', 'x: &l my_loader\nflavors: {python_function: {loader_module: *l}}\n', 'loader my_loader'],
    ['MLmodel', 'flavors: {sklearn: {pickled_model: /tmp/evil.pkl}}\n', 'a path to /tmp/evil.pkl'],
    ['MLmodel', 'flavors: {sklearn: {pickled_model: a/../../evil.pkl}}\n', 'a path to a/../../evil.pkl'],
    ['MLmodel', 'flavors: {python_function: {env: {conda: c.txt}}}\n', 'environment in c.txt'],
    ['MLmodel', 'flavors: [', 'unreadable YAML'],
    ['MLmodel', '['.repeat(100_000), 'unreadable YAML'],
    ['MLmodel', `a: &a x\nb: [${'*a,'.repeat(101)}]\n`, 'unreadable YAML'],
    ['conda.yaml', "dependencies: [{pip: ['--index-url http://example.org']}]", '--index-url'],
    ['conda.yaml', 'x: &a [git+https://example.org]\ndependencies: [{pip: *a}]', 'git+https://example.org'],
    ['conda.yaml', 'dependencies:\n- pip:\n  - "numpy\\n-r other.txt"\n', '-r'],
    ['conda.yaml', "channels: ['http://example.org']\n", 'http://example.org'],
    ['conda.yaml', 'a: [x]\n---\ndependencies: [{pip: git+https://example.org}]\n', 'git+https://example.org'],
    ['conda.yaml', 'channels: [conda-forge, evil]\n', 'evil'],
    ['conda.yaml', 'dependencies: [python=3.11, "evil::numpy"]\n', 'evil::numpy'],
    ['conda.yaml', 'dependencies: ["conda-forge/label/../evil::numpy"]\n', 'conda-forge/label/../evil::numpy'],
    ['config.yaml', 'model:\n  _target_: os.system\n', '_target_: os.system'],
    ['config.yaml', 'model: {"\\x5ftarget_": os.system}\n', '_target_: os.system'],
    ['broken.yaml', 'model: {_target_: os.system\n', 'unreadable YAML'],
    ['hparams.yml', 'model: {class_path: subprocess.run}\n', 'class_path: subprocess.run'],
    ['config.json', '{"a": {"_target_": "os.system"}}', '_target_: os.system'],
    ['python_env.yaml', 'dependencies: [-r other.txt]\n', '-r'],
    ['python_env.yaml', 'build_dependencies: ["git+https://example.org"]\n', 'git+https://example.org'],
    ...[
      '-ihttp://example.org',
      '-rother.txt',
      '-cother.txt',
      '--requirement',
      '--index',
      '--find',
      '--edit',
      'numpy@https://example.org',
      'numpy[x] @https://example.org',
      'HTTP://example.org/x.whl',
      'hg+ssh://x/y',
      './x',
      '../x',
      '/tmp/x',
      'x/y',
      '.',
      'tool.whl',
      'tool-1.0.tar.gz',
      '${TOOL}',
      "n; a > '3' @ https://x",
    ].map((line) => ['requirements.txt', `numpy\n${line}\n`, line] as const),
    ...['\r', '\v', '\f', '\u001c', '\u0085', '\u2028'].map(
      (end) =>
        [
          'requirements.txt',
          Buffer.from(`numpy${end}--extra-index-url http://example.org`).toString('latin1'),
          '--extra-index-url',
        ] as const,
    ),
    ['requirements.txt', '--index-\\\nurl http://example.org\n', '--index-url'],
    ['requirements.txt', '# more \\\n./x\n', './x'],
    ['requirements.txt', '# coding: utf-7\n+AC0ALQ-index-url http://example.org\n', '# coding: utf-7'],
    ['constraints.txt', 'numpy @ https://example.org\n', 'numpy @ https://example.org'],
    ['config.json', '{"auto_map": {"AutoModel": "x.Y"}}', 'auto_map'],
    ['config.json', '{"layers": [{"class_name": "TorchModuleWrapper"}]}', 'TorchModuleWrapper'],
    ['config.json', '{"layers": [{"class_name": "Lambda"}]}', 'a Lambda layer'],
    ...(
      [
        ['os', 'function', '"system"', 'os.system'],
        ['shop.till', 'Layer', '{}', 'shop.till.Layer'],
        ['builtins', 'function', '"eval"', 'builtins.eval'],
        ['keras.utils', 'function', '"get_file"', 'get_file'],
        ['keras.config', 'function', '"enable_unsafe_deserialization"', 'enable_unsafe_deserialization'],
        ['keras.src.saving.saving_api', 'function', '"anything"', 'keras.src.saving.saving_api.anything'],
        ['kerasx.layers', 'Dense', '{}', 'kerasx.layers.Dense'],
        ['keras.layers/../x', 'Dense', '{}', 'keras.layers/../x.Dense'],
      ] as const
    ).map(([module, name, config, what]) => {
      const odd = `{"module": "${module}", "class_name": "${name}", "config": ${config}, "registered_name": null}`
      return ['config.json', `{"class_name": "Sequential", "config": {"layers": [${odd}, NaN]}}`, what] as const
    }),
    ['a.JSON', '{"class_name": {"x": 1}}', '{"x":1} as a name'],
    ['a.json', '{"class_name": "Dense", "module": ["os"]}', '["os"] as a module'],
    ['a.json', '{"class_name": "Dense", ', 'a description of a model that cannot be read'],
    ['a.json', `{"class_name": "Dense", "config": ${'['.repeat(9000)}`, 'a description of a model that cannot be read'],
  ] as const) {
    test(`${name}: ${what}`, () => {
      const { verdict, findings } = scan(name, text)
      assert.equal(verdict, 'suspicious')
      assert.equal(findings[0]?.what, what)
    })
  }
  test('a model of Keras as Keras writes it is clean', () => {
    const part = (module: string, kind: string, config: unknown) => ({
      module,
      class_name: kind,
      config,
      registered_name: null,
    })
    const layers = [
      part('keras.layers', 'Dense', { activation: part('builtins', 'function', 'relu'), rate: 0.1 }),
      part('keras.layers', 'Activation', { activation: { ...part('keras.activations', 'function', 'gelu') } }),
      { class_name: 'Dense', config: { units: 1 } },
    ]
    const model = {
      ...part('keras', 'Sequential', { layers }),
      compile_config: { loss: part('keras.losses', 'function', 'mse') },
    }
    const text = JSON.stringify(model).replace('0.1', 'NaN')
    assert.equal(scan('config.json', text).verdict, 'clean')
    assert.equal(scan('other.json', '{"module": "os", "type": "function"}').verdict, 'clean', 'no model of Keras')
  })

  test('usual ones are clean', () => {
    const usual = [
      'a[b, c]==1.0+cu121',
      'a~=1.0,!=1.2',
      "a>=1 ; sys_platform == 'linux' and x > '3'",
      '-c constraints.txt',
      '--pre',
    ]
    const hashed = 'a==1 \\\n    --hash=sha256:ab12 \\\n    --hash=sha256:cd34\n# note @ https://x\n'
    assert.equal(scan('requirements.txt', `${usual.join('\n')}\n${hashed}`).verdict, 'clean')
    const environment =
      'python: 3.11.7\nbuild_dependencies: [pip==24.0, setuptools]\ndependencies: [-r requirements.txt]\n'
    assert.equal(scan('python_env.yaml', environment).verdict, 'clean')
    const conda = 'prefix: /opt/x\ndependencies: [python=3.11, "conda-forge::numpy>=1,<2", "pip<=24.0", libgcc=1=h_2]\n'
    assert.equal(scan('conda.yaml', conda).verdict, 'clean')
    const model =
      'flavors: {python_function: {env: {conda: conda.yaml, virtualenv: python_env.yaml}, loader_module: mlflow.sklearn, artifacts: {x: {path: artifacts/x, uri: /home/x}}}}\n'
    assert.equal(scan('MLmodel', model).verdict, 'clean')
    const channels = 'channels: [conda-forge/label/cf202003, nvidia, defaults]\ndependencies: [pytorch::pytorch=2.5]\n'
    assert.equal(scan('conda.yaml', channels).verdict, 'clean')
    assert.equal(scan('config.yaml', '_target_: 3\nclass_path: here\nof: a.b\n').verdict, 'clean')
    assert.equal(scan('conda.yaml', 'name: "50 %41 of all! python/x"\n').verdict, 'clean')
    assert.equal(scan('config.json', String.raw`{"city": "M\u00fcnchen \u0007 \u003c"}`).verdict, 'clean')
    assert.equal(scan('MLmodel', 'flavors:\n  python_function:\n    loader_module: mlflow.sklearn\n').verdict, 'clean')
    assert.equal(
      scan('requirements.txt', 'mlflow==3.17.2\nscikit-learn==1.7.2; python_version > "3.9"\n').verdict,
      'clean',
    )
    assert.equal(
      scan('conda.yaml', 'channels:\n- conda-forge\ndependencies:\n- python=3.11\n- pip:\n  - mlflow\n').verdict,
      'clean',
    )
  })
})

test('noise of any kind gives a verdict and never a fault', () => {
  const random = prng(11)
  const seeds = [
    EVIL,
    base64('gASVHQAAAAAAAACMBXBvc2l4lIwGc3lzdGVtlJOUjAJpZJSFlFKULg=='),
    zip([{ name: 'a.pkl', content: EVIL }]),
  ]
  const names = ['m.pkl', 'm.zip', 'm', 'm.npy', 'm.onnx', 'm.json']
  for (let i = 0; i < 3000; i++) {
    const seed = seeds[random.below(seeds.length)] ?? EVIL
    const bytes = i % 3 === 0 ? Buffer.alloc(1 + random.below(200)) : Buffer.from(seed)
    const changes = i % 3 === 0 ? bytes.length : 1 + random.below(6)
    for (let k = 0; k < changes; k++) bytes[random.below(bytes.length)] = random.below(256)
    const { verdict } = scan(
      names[random.below(names.length)] ?? 'm',
      bytes.subarray(0, 1 + random.below(bytes.length)),
    )
    assert.ok(['clean', 'suspicious', 'malicious'].includes(verdict))
  }
})
