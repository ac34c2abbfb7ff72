/** What every driver must do with files: code and inputs arrive as they were, outputs leave as they were made, attempts do not meet. */
import assert from 'node:assert/strict'
import { treeFiles } from '../../store/blobs/trees.ts'
import type { AttemptSpec } from './driver.ts'
import { logOf } from './logs.fixture.ts'
import type { Add, Suite } from './suite.fixture.ts'

/** The steps of these cases. */
export const FILES_CODE: Readonly<Record<string, string>> = {
  'steps/files.py': `
import json, os, pathlib, sys
def params(out, **given): out.write_text(json.dumps(given, sort_keys=True))
def spoil(table):
    pathlib.Path("steps/good.py").write_text("raise SystemExit(9)")
    for path in [table, *table.glob("*")]:
        try:
            os.chmod(path, 0o777)
        except OSError: pass
    try: (table / "a.csv").write_text("spoilt")
    except OSError: pass
def show(table):
    print((table / "a.csv").read_text(), pathlib.Path("steps/good.py").read_text().count("SystemExit"))
def deep(out):
    for name in ("a/b/c.txt", "é/ü ñ.txt", "x y.txt"):
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_text(name)
    (out / "run.sh").write_text("#!/bin/sh")
    (out / "run.sh").chmod(0o755)
    (out / "empty").mkdir()
def many(out):
    out.mkdir()
    for i in range(300): (out / f"{i}.txt").write_text(str(i % 7))
def nothing(out, folder):
    out.write_text("")
    folder.mkdir()
def large(out):
    with open(out, "wb") as file:
        for i in range(20): file.write(bytes([i]) * 1_000_000)
def linked(out):
    out.mkdir()
    os.symlink("/etc/hostname", out / "link")
def hands_on(table, out):
    import shutil
    shutil.copytree(table, out, copy_function=shutil.copyfile)
def alone():
    pathlib.Path("mine.txt").write_text("x")
    pathlib.Path(os.environ["TMPDIR"], "mine.txt").write_text("x")
    print(len(list(pathlib.Path(".").glob("mine*"))), len(os.listdir(os.environ["TMPDIR"])), os.getcwd())
def raw():
    os.write(1, bytes(range(256)) * 40)
def speaks():
    print(*[f"{name}={os.environ.get(name)}" for name in ("LANG", "LC_ALL", "LANGUAGE", "TZ")])
def inherits():
    own = ("SLIPWAY_ATTEMPT", "SLIPWAY_READS")
    print([name for name in os.environ if name.startswith("SLIPWAY_") and name not in own], repr(sys.stdin.read()))
`,
}

/** The bytes of an output by path. */
async function contents({ driver, blobs }: Suite, made: AttemptSpec, output: string): Promise<Map<string, Buffer>> {
  const files = await treeFiles(blobs, (await driver.collect(made.attempt, output)).digest)
  return new Map(await Promise.all(files.map(async ({ path, digest }) => [path, await blobs.bytes(digest)] as const)))
}

export function fileCases(suite: Suite, add: Add): void {
  const { driver, spec, finish, tree } = suite

  add('params of any kind come as they are', async () => {
    const params = {
      a: [1, 'é', null, true],
      b: { c: -0.5, d: {} },
      n: null,
      big: 9_007_199_254_740_991,
      text: "a'\n$x",
    }
    const made = await spec('steps.files:params', { params, outputs: ['out'] })
    assert.equal((await finish(made)).exit.class, 'ok')
    assert.deepEqual(JSON.parse(String((await contents(suite, made, 'out')).get(''))), params)
  })

  add('what a step does to its code and its inputs reaches no other attempt', async () => {
    const table = await tree({ 'a.csv': 'whole' })
    await finish(await spec('steps.files:spoil', { inputs: { table } }))
    const { log } = await finish(await spec('steps.files:show', { inputs: { table } }))
    assert.equal(log, 'whole 0\n')
  })

  add('a folder keeps its names, its depth and what may be run; empty folders are not kept', async () => {
    const made = await spec('steps.files:deep', { outputs: ['out'] })
    assert.equal((await finish(made)).exit.class, 'ok')
    const files = await treeFiles(suite.blobs, (await driver.collect(made.attempt, 'out')).digest)
    assert.deepEqual(
      files.map(({ path, executable }) => [path, executable]),
      [
        ['a/b/c.txt', false],
        ['run.sh', true],
        ['x y.txt', false],
        ['é/ü ñ.txt', false],
      ],
    )
  })

  add('hundreds of files come back, equal ones too', async () => {
    const made = await spec('steps.files:many', { outputs: ['out'] })
    assert.equal((await finish(made)).exit.class, 'ok')
    const found = await contents(suite, made, 'out')
    assert.equal(found.size, 300)
    for (const [path, bytes] of found) assert.equal(String(bytes), String(Number.parseInt(path, 10) % 7))
  })

  add('an empty file and an empty folder are outputs', async () => {
    const made = await spec('steps.files:nothing', { outputs: ['out', 'folder'] })
    assert.equal((await finish(made)).exit.class, 'ok')
    assert.deepEqual(
      [...(await contents(suite, made, 'out'))].map(([path, { length }]) => [path, length]),
      [['', 0]],
    )
    assert.equal((await driver.collect(made.attempt, 'folder')).files, 0)
  })

  add('language and zone are the same on each machine', async () => {
    const before = { ...process.env }
    Object.assign(process.env, { LANG: 'de_DE.UTF-8', LC_ALL: 'de_DE.UTF-8', LANGUAGE: 'de', TZ: 'Asia/Tokyo' })
    try {
      const { log } = await finish(await spec('steps.files:speaks'))
      assert.equal(log, 'LANG=C.UTF-8 LC_ALL=None LANGUAGE=None TZ=UTC\n')
    } finally {
      for (const name of ['LANG', 'LC_ALL', 'LANGUAGE', 'TZ']) {
        if (before[name] === undefined) delete process.env[name]
        else process.env[name] = before[name]
      }
    }
  })

  add('a large file comes back whole', async () => {
    const made = await spec('steps.files:large', { outputs: ['out'] })
    assert.equal((await finish(made)).exit.class, 'ok')
    const bytes = (await contents(suite, made, 'out')).get('') ?? Buffer.alloc(0)
    assert.equal(bytes.length, 20_000_000)
    assert.deepEqual([bytes[0], bytes[999_999], bytes[1_000_000], bytes[19_999_999]], [0, 0, 1, 19])
  })

  add('a link inside of an output is not kept, and named', async () => {
    const made = await spec('steps.files:linked', { outputs: ['out'] })
    const { exit } = await finish(made)
    if (exit.class === 'ok') await assert.rejects(driver.collect(made.attempt, 'out'), /link" is a symbolic link/)
    else assert.match(`${exit.class}: ${exit.message}`, /^user: .*link" is a symbolic link/)
  })

  add('an output of one attempt is an input of the next, with the same digest when it is handed on', async () => {
    const table = await tree({ 'a.csv': 'one', 'b.csv': 'two' })
    const made = await spec('steps.files:hands_on', { inputs: { table }, outputs: ['out'] })
    assert.equal((await finish(made)).exit.class, 'ok')
    const out = await driver.collect(made.attempt, 'out')
    assert.equal(out.digest, table)
    const next = await finish(await spec('steps.files:show', { inputs: { table: out.digest } }))
    assert.equal(next.log, 'one 0\n')
  })

  add('an output that was not declared is not there, nor is one of a step that failed', async () => {
    const made = await spec('steps.files:many', { outputs: ['out'] })
    await finish(made)
    for (const output of ['other', 'constructor'])
      await assert.rejects(driver.collect(made.attempt, output), { code: 'not_found' })
  })

  add('two attempts at once have folders of their own', async () => {
    const [one, two] = await Promise.all([
      finish(await spec('steps.files:alone')),
      finish(await spec('steps.files:alone')),
    ])
    assert.match(one.log, /^1 1 /)
    assert.match(two.log, /^1 1 /)
    assert.notEqual(one.log, two.log)
  })

  add('a step has nothing of the variables of the server, and nothing to read from its input', async () => {
    process.env['SLIPWAY_TOKEN_OF_THE_SERVER'] = 'x'
    const { log } = await finish(await spec('steps.files:inherits'))
    delete process.env['SLIPWAY_TOKEN_OF_THE_SERVER']
    assert.equal(log, "[] ''\n")
  })

  add('bytes that are no text are in the log as they are, from whatever offset it is read', async () => {
    const made = await spec('steps.files:raw')
    await finish(made)
    assert.equal(await driver.logSize(made.attempt), 10_240)
    const parts: Buffer[] = []
    for (let at = 0; ;) {
      const part = await driver.logs(made.attempt, at, 777)
      if (part.length === 0) break
      assert.ok(part.length <= 777)
      parts.push(part)
      at += part.length
    }
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i))
    assert.deepEqual(Buffer.concat(parts), Buffer.concat(Array.from({ length: 40 }, () => bytes)))
    assert.equal((await driver.logs(made.attempt, 1_000_000, 10)).length, 0)
    assert.equal((await driver.logs(made.attempt, 10_239, 10)).length, 1)
    assert.ok((await logOf(driver, made.attempt)).length > 0)
  })
}
