/** The home folder of an attempt: libraries keep their caches there, what the user has can be read, and nothing is written into the void. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'
import { elsewhere } from '../../../isolation/elsewhere.fixture.ts'
import { confined, type Layer } from '../../../isolation/plan.ts'
import { probeMachine } from '../../../isolation/probe.ts'
import { makeHome, writtenInHome } from './home.ts'

const folder = mkdtempSync(join(tmpdir(), 'slipway-home-'))
const outside = mkdtempSync(join(elsewhere(), 'slipway-home-'))
after(() => [folder, outside].forEach((one) => rmSync(one, { recursive: true, force: true })))

/** What the user has. */
const FILES: Readonly<Record<string, string>> = {
  'rows.csv': 'a,b',
  '.netrc': 'machine x',
  'projects/one/data.csv': 'c',
  '.aws/credentials': 'key',
  '.config/gcloud/credentials.json': '{}',
  '.cache/huggingface/hub/models--known/blobs/1': 'weights',
  '.cache/torch/hub/checkpoints/resnet.pth': 'weights',
  '.cache/matplotlib/fontlist.json': 'fonts',
  '.cache/pip/http/1': 'package',
  '.cache/numba/mine/index': 'code',
}

function user(name: string, where = folder): string {
  const home = join(where, name)
  for (const [path, text] of Object.entries(FILES)) {
    mkdirSync(dirname(join(home, path)), { recursive: true })
    writeFileSync(join(home, path), text)
  }
  return home
}

/** As libraries do it: each makes its folder in the cache and writes there; what is downloaded already is read and stays as it is. */
const LIBRARIES = `
import json, os, pathlib, tempfile
home = pathlib.Path("~").expanduser()
def went(act):
    try: act(); return True
    except OSError: return False
def make(path):
    path = home / path
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent); os.close(handle); os.replace(name, path)
    assert path.exists()
def read(path): assert (home / path).read_text() != ""
makes = [".cache/x", ".cache/matplotlib/fontlist-v2.json", ".config/matplotlib/matplotlibrc", ".cache/huggingface/hub/models--new/refs/main",
  ".cache/huggingface/token", ".cache/torch/hub/checkpoints/new.pth", ".cache/pip/http/2", ".cache/numba/mine/index", ".keras/datasets/mnist.npz",
  "scikit_learn_data/iris.pkz", "nltk_data/corpora/x.zip", ".local/share/jupyter/x"]
reads = ["rows.csv", ".netrc", "projects/one/data.csv", ".aws/credentials", ".config/gcloud/credentials.json",
  ".cache/huggingface/hub/models--known/blobs/1", ".cache/torch/hub/checkpoints/resnet.pth", ".cache/matplotlib/fontlist.json"]
lost = ["result.csv", "projects/one/new.csv", "rows.csv", ".cache/huggingface/hub/models--known/blobs/1"]
# the password database still names the user's own home, and some programs ask that alone
named = pathlib.Path(os.environ["NAMED_HOME"])
assert (named / "rows.csv").read_text() == "a,b"
lost += [str(named / p) for p in ("rows.csv", ".ivy2", ".cache/x")]
print(json.dumps({"read": [p for p in reads if not went(lambda: read(p))], "made": [p for p in makes if not went(lambda: make(p))],
  "lost": [p for p in lost if went(lambda: open(home / p, "a"))]}))
`

test('libraries write their caches, read what the user has, and change nothing of it; a file elsewhere in the home is refused', async (t) => {
  const found = await probeMachine(folder)
  assert.ok(typeof found !== 'string', found as string)
  if (!found.layers.includes('landlock')) {
    t.skip('this machine has no Landlock: writing is held by nothing')
    return
  }
  for (const layers of [['mount', 'landlock'], ['landlock']] as Layer[][]) {
    if (!layers.every((layer) => found.layers.includes(layer))) continue
    const data = mkdtempSync(join(folder, 'data-'))
    const home = user(`user-${layers.length}`, outside)
    const place = join(data, 'attempt/home')
    mkdirSync(dirname(place))
    await makeHome({ place, user: home, write: [] })
    const plan = { python: found.python, layers, hide: [data], write: [] }
    const show = [join(data, 'attempt')]
    const { program, args } = confined(
      plan,
      { program: found.python, args: ['-c', LIBRARIES] },
      { show, write: writtenInHome(place) },
    )
    const said: string = execFileSync(program, [...args], {
      encoding: 'utf8',
      env: { ...process.env, HOME: place, NAMED_HOME: home },
    })
    assert.deepEqual(JSON.parse(said), { read: [], made: [], lost: [] }, layers.join())
    for (const [path, text] of Object.entries(FILES)) assert.equal(readFileSync(join(home, path), 'utf8'), text, path)
    assert.ok(!existsSync(join(home, '.cache/x')))
  }
})

test('a folder that may be written is linked whole, also where a cache lies around it; without a home there are caches all the same', async () => {
  const home = user('written')
  const place = join(folder, 'place')
  const write = [
    join(home, '.cache/huggingface'),
    join(home, '.cache/other/deep'),
    join(home, 'out'),
    '/elsewhere',
    home,
  ]
  mkdirSync(join(home, '.cache/other/deep'), { recursive: true })
  await makeHome({ place, user: home, write })
  writeFileSync(join(place, '.cache/huggingface/kept'), 'x')
  writeFileSync(join(place, '.cache/other/deep/kept'), 'x')
  assert.equal(readFileSync(join(home, '.cache/huggingface/kept'), 'utf8'), 'x')
  assert.equal(readFileSync(join(home, '.cache/other/deep/kept'), 'utf8'), 'x')
  assert.ok(lstatSync(join(place, 'out')).isSymbolicLink(), 'one that is made later is there too')
  assert.ok(!existsSync(join(place, '.cache/pip')))
  for (const missing of ['', join(folder, 'nobody')]) {
    const bare = mkdtempSync(join(folder, 'bare-'))
    await makeHome({ place: join(bare, 'home'), user: missing, write: ['/out'] })
    writeFileSync(join(bare, 'home/.cache/x'), 'x')
    assert.deepEqual(readdirSync(join(bare, 'home')).includes('rows.csv'), false)
  }
})

test('a folder of the user that cannot be looked into is linked, and keeps no step from beginning', async (t) => {
  if (process.getuid?.() === 0) {
    t.skip('root looks into every folder')
    return
  }
  const home = user('closed')
  chmodSync(join(home, '.config'), 0)
  t.after(() => chmodSync(join(home, '.config'), 0o700))
  await makeHome({ place: join(folder, 'closed-place'), user: home, write: [] })
})
