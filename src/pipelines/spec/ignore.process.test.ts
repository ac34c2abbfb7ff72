/** Rules of `.slipwayignore` against git itself, which is asked about the same paths, and the rules that are there without it. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, describe, test } from 'node:test'
import { prng } from '../../stats/prng.ts'
import { readIgnore } from './ignore.ts'

const folder = mkdtempSync(join(tmpdir(), 'slipway-ignore-'))
after(() => rmSync(folder, { recursive: true, force: true }))

// no path of one character beyond ASCII: to git that is two, as it counts bytes
const PATHS = [
  'a', 'b.log', 'c/a', 'c/d/a', 'c/d/b.log', 'c/e/f/g', 'd/a', 'foo/bar/x', 'foo/x/bar', 'x/foo/bar', 'foo bar', 'foo ',
  '#a', '!a', 'a[b]', 'a*b', 'axb', 'ab', 'a\\b', 'c/-', 'c/]', 'c/^', 'A', 'z9', 'aä', '.hidden/a', 'b.log.d/x', 'deep/c/d/a',
] // prettier-ignore

const RULES = [
  'a', '/a', 'a/', 'c/', '/c/', 'c/a', 'c/d', '*.log', '*', '/*', 'c/*', '**', '**/a', 'c/**', 'c/**/a', '**/d/**', 'foo/**/bar',
  'foo**bar', 'foo/**', '?', '[a-c]', '[!a-c]', '[^a-c]', 'c/[]-]', 'c/[]^]', '[[:upper:]]', '[[:alpha:]][[:digit:]]', '[a', 'a[[]b]',
  '\\#a', '#a', '\\!a', 'a\\*b', 'a*b', 'a?b', 'a\\\\b', 'foo\\ ', 'foo ', 'foo bar ', '*a*', '', '/', '*/', 'a\\', '!a', 'c/d/',
  'B.LOG', '**/', '/**/a', 'c/*/a', 'd/../a', '*.log*', 'c//a', './a', '[z-a]', '[a-]', '\\a',
] // prettier-ignore

/** The paths that git leaves out by these rules. */
function byGit(name: string, rules: string): string[] {
  const root = join(folder, name)
  for (const path of PATHS) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), '')
  }
  execFileSync('git', ['init', '-q'], { cwd: root })
  writeFileSync(join(root, '.git/info/exclude'), rules)
  const listed = execFileSync('git', ['-c', 'core.excludesFile=', 'ls-files', '-oiz', '--exclude-standard'], {
    cwd: root,
  })
  return listed.toString().split('\0').filter(Boolean).sort()
}

function byRules(rules: string): string[] {
  const ignore = readIgnore(rules)
  return PATHS.filter((path) => ignore.leavesOut(path)).sort()
}

describe('a rule leaves out what git leaves out by it', () => {
  for (const [i, rule] of RULES.entries())
    test(JSON.stringify(rule), () => assert.deepEqual(byRules(`${rule}\n`), byGit(`r${i}`, `${rule}\n`)))
})

test('the last rule that fits decides, but not inside of a folder that is left out', () => {
  const random = prng(7)
  const rule = (): string =>
    (random.below(3) === 0 ? '!' : '') + (RULES[random.below(RULES.length)] ?? '').replace(/^!/, '')
  for (let i = 0; i < 60; i++) {
    const rules = Array.from({ length: 2 + random.below(5) }, rule).join('\n')
    assert.deepEqual(byRules(rules), byGit(`s${i}`, rules), rules)
  }
})

test('folders of tools are left out without rules, at any depth, and may be taken in again', () => {
  const none = readIgnore()
  for (const path of [
    '.git/HEAD',
    'a/.venv/x.py',
    'node_modules/m.js',
    'a/__pycache__/x.txt',
    'a/b.pyc',
    'mlruns/0',
    '.DS_Store',
    '.github/workflows/slipway.yml',
    '.gitignore',
    'Jenkinsfile',
  ])
    assert.ok(none.leavesOut(path), path)
  for (const path of [
    'git/HEAD',
    'venv.py',
    'github/a',
    'data/mlruns',
    '.env',
    'Jenkinsfile.py',
    'tests/a.py',
    'README.md',
  ])
    assert.ok(!none.leavesOut(path), path)
  assert.ok(!readIgnore('!mlruns/').leavesOut('mlruns/0'))
  assert.ok(!readIgnore('!.github/').leavesOut('.github/a'))
})

test('a rule made to take long is decided at once', () => {
  const ignore = readIgnore(`${'*a'.repeat(400)}b\n${'**/a/'.repeat(300)}b`)
  // trying everything takes years
  assert.ok(!ignore.leavesOut('a'.repeat(200)) && !ignore.leavesOut(`${'a/'.repeat(400)}c`))
})
