/** Other Pythons that the code starts: they find what the lock brings, as the step's do, or the proof says that they are not held to it. */
import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { againBench } from './again.ts'

const bench = againBench()
after(bench.end)

const started = (options: string, more = ''): string =>
  `import os, subprocess, sys\nversion = subprocess.run([sys.executable, ${options}"-c", "import matplotlib; print(matplotlib.__version__)"], capture_output=True, text=True${more}).stdout.strip()`

describe('a Python that the code starts', { concurrency: 2 }, () => {
  it('has what it imports locked with the rest, and finds nothing that the lock lacks', async () => {
    const made = await bench.packaged('starts', [], [started('', ', env={**os.environ, "LANG": "C"}')])
    assert.match(made.out, /^Proof: verified$/m)
    assert.match(made.read('requirements.lock'), /^matplotlib==3\.6\.3/m)
    const unlocked = await bench.packaged('starts', ['--no-proof'], [started('')])
    assert.doesNotMatch(unlocked.read('requirements.lock'), /matplotlib/)
    const [proof] = (await bench.again(unlocked, 'starts')).out.split('\n')
    assert.match(
      proof ?? '',
      /^Proof: not verified: without .*matplotlib.*, which the lock does not have: cell 4: version: '3\.6\.3' in the original, '' in the package$/,
    )
  })

  it('is named where it looks at no variables, or gets none', async () => {
    for (const [name, code, what] of [
      ['isolated', started('"-I", '), 'python3? -I'],
      ['emptied', started('', ', env={}'), '\\S*python\\S* with variables of its own'],
    ] as const) {
      const made = await bench.packaged(name, [], [code])
      assert.match(
        made.out,
        new RegExp(`^Proof: not verified: it starts a Python that is not held to the lock: ${what}$`, 'm'),
      )
    }
  })
})
