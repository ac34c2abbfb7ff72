/** Programs are started with a list of arguments, never by a shell that reads a text, as SECURITY.md says. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import { sourceFiles } from './files.ts'

const ROOT = resolve(import.meta.dirname, '../..')
/** Ways to give a text to a shell, of Node and of Python. */
const SHELLS = [
  /import\s*\{[^}]*\bexec(?:Sync)?\b[^}]*\}\s*from\s*'(?:node:)?child_process'/,
  /\bchild_process\b[^\n]*\.exec(?:Sync)?\(/,
  /\bshell:(?!\s*false)/,
  /\bshell\s*=\s*True\b/,
  /\bos\.(?:system|popen)\(/,
  /\bsubprocess\.getoutput\(/,
  /['"](?:\/bin\/)?(?:ba|da|z)?sh['"],\s*\[?\s*['"]-\w*c['"]/,
]

/** The lines of a text that give something to a shell. */
function shellsIn(text: string): string[] {
  return SHELLS.flatMap((pattern) => pattern.exec(text)?.[0] ?? [])
}

test('no program starts another by a shell', () => {
  const found = sourceFiles(ROOT).flatMap((file) =>
    shellsIn(readFileSync(join(ROOT, file), 'utf8')).map((text) => `${file}: ${text}`),
  )
  // what a step starts is told apart there by its arguments; nothing is run
  const meant = ['python/slipway/step/reads.py: "sh", "-c"']
  assert.deepEqual(
    found.filter((one) => !meant.includes(one)),
    [],
  )
})

test('each way to a shell would be found', () => {
  for (const text of [
    `import { exec } from 'node:child_process'`,
    `import { spawn, execSync } from "child_process"`.replaceAll('"', "'"),
    `spawn('ls', [], { shell: true })`,
    `spawn(name, { shell: '/bin/sh' })`,
    `spawn('sh', ['-c', text])`,
    `subprocess.run(text, shell=True)`,
    `subprocess.run(["bash", "-lc", text])`,
    `os.system(text)`,
  ])
    assert.equal(shellsIn(text).length, 1, text)
  for (const text of [`import { execFile } from 'node:child_process'`, `/a/.exec(text)`, `{ shell: false }`])
    assert.deepEqual(shellsIn(text), [])
})
