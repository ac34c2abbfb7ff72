/** Which files of a project folder are uploaded, what is left out, and what git says of the folder. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, describe, it } from 'node:test'
import { createClient } from '../../client/client.ts'
import { PATCH_BYTES } from '../../contract/values/code-source.ts'
import { UsageError } from '../invocation/command.ts'
import { projectFiles, submitProject } from './files.ts'
import { gitSource } from './git.ts'

const folder = mkdtempSync(join(tmpdir(), 'slipway-project-files-'))
after(() => rmSync(folder, { recursive: true, force: true }))

function write(root: string, files: Readonly<Record<string, string>>): string {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }
  return root
}

let made = 0
function project(files: Readonly<Record<string, string>>): string {
  return write(join(folder, `p${made++}`), files)
}

describe('the files of a project', () => {
  it('are all its files, hidden ones too, in the order of their paths', async () => {
    const root = project({
      'b.py': 'bb',
      'a/z.py': 'z',
      'a.py': '',
      'B.py': 'x',
      '.env.example': 'K=',
      'a/b/ü.csv': '1',
    })
    const found = await projectFiles(root)
    assert.deepEqual(
      found.map(({ path, size }) => [path, size]),
      [
        ['.env.example', 2],
        ['B.py', 1],
        ['a.py', 0],
        ['a/b/ü.csv', 1],
        ['a/z.py', 1],
        ['b.py', 2],
      ],
    )
  })

  it('are without what tools leave there, at any depth', async () => {
    const left = ['.git/HEAD', 'src/.venv/x.py', 'node_modules/m/i.js', 'src/__pycache__/a.txt', 'mlruns/0/meta.yaml']
    const root = project({
      ...Object.fromEntries([...left, 'src/a.pyc', '.slipway/token', 'src/.DS_Store'].map((path) => [path, 'no'])),
      'src/venv.py': 'yes',
      'git/HEAD': 'yes',
    })
    assert.deepEqual(
      (await projectFiles(root)).map(({ path }) => path),
      ['git/HEAD', 'src/venv.py'],
    )
  })

  it('are without what .slipwayignore names and without virtual environments, but with it and what is asked for', async () => {
    const root = project({
      '.slipwayignore': '*.yaml\n/notes/\n*.log\n!keep.log\n!mlruns/\n',
      'slipway.yaml': '',
      'other.yaml': '',
      'notes/a.md': '',
      'deep/notes/a.md': '',
      'deep/b.log': '',
      'deep/keep.log': '',
      'mlruns/0': '',
      'tools/env/pyvenv.cfg': '',
      'tools/env/lib/x.py': '',
      'tools/venv/x.py': '',
    })
    assert.deepEqual(
      (await projectFiles(root, ['slipway.yaml'])).map(({ path }) => path),
      ['.slipwayignore', 'deep/keep.log', 'deep/notes/a.md', 'mlruns/0', 'slipway.yaml', 'tools/venv/x.py'],
    )
  })

  it('keep that a file may be executed', async () => {
    const root = project({ 'run.sh': '', 'data.csv': '' })
    chmodSync(join(root, 'run.sh'), 0o755)
    chmodSync(join(root, 'data.csv'), 0o644)
    assert.deepEqual(
      (await projectFiles(root)).map(({ path, executable }) => [path, executable]),
      [
        ['data.csv', false],
        ['run.sh', true],
      ],
    )
  })

  for (const target of ['a.py', '.', 'nowhere']) {
    it(`hold no link to ${target}: it is named with what to do`, async () => {
      const root = project({ 'a.py': '', 'lib/b.py': '' })
      symlinkSync(target, join(root, 'lib/link'))
      await assert.rejects(projectFiles(root), {
        message: /^lib.link is a link to /,
      })
    })
  }

  it('may hold links in what is left out', async () => {
    const root = project({ 'a.py': '', '.venv/x': '' })
    symlinkSync('/usr/bin', join(root, '.venv/bin'))
    assert.deepEqual(
      (await projectFiles(root)).map(({ path }) => path),
      ['a.py'],
    )
  })

  it('are not sent without a project file, and init is named', async () => {
    const client = createClient({ url: 'http://127.0.0.1:1' })
    const root = project({ 'train.py': '' })
    await assert.rejects(submitProject(client, root), (error: unknown) => {
      assert.ok(error instanceof UsageError)
      assert.equal(error.message, `there is no slipway.yaml in ${root}; slipway init makes one`)
      return true
    })
    await assert.rejects(submitProject(client, root, 'other.yaml'), /there is no other\.yaml in /)
  })
})

describe('what git says of a folder', () => {
  const git = (root: string, ...args: string[]): string =>
    execFileSync(
      'git',
      ['-c', 'user.name=t', '-c', 'user.email=t@example.org', '-c', 'commit.gpgsign=false', ...args],
      {
        cwd: root,
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      },
    ).trim()

  function repository(files: Readonly<Record<string, string>>): string {
    const root = project(files)
    git(root, 'init', '-q', '-b', 'work')
    git(root, 'add', '-A')
    git(root, 'commit', '-q', '-m', 'first')
    return root
  }

  it('is nothing outside of a repository', async () => {
    assert.equal(await gitSource(project({ 'a.py': '' })), undefined)
  })

  it('is nothing in a repository without a commit', async () => {
    const root = project({ 'a.py': '' })
    git(root, 'init', '-q')
    assert.equal(await gitSource(root), undefined)
  })

  it('is nothing where there is no git', async () => {
    const root = repository({ 'a.py': '1\n' })
    const path = process.env['PATH']
    try {
      process.env['PATH'] = folder
      assert.equal(await gitSource(root), undefined)
    } finally {
      process.env['PATH'] = path
    }
  })

  it('is the commit and the branch of a clean tree', async () => {
    const root = repository({ 'a.py': '1\n' })
    assert.deepEqual(await gitSource(root), { commit: git(root, 'rev-parse', 'HEAD'), branch: 'work', untracked: [] })
  })

  it('is the difference, staged or not, and the files that git does not know', async () => {
    const root = repository({ 'a.py': '1\n', 'b.py': '1\n', 'c.py': '1\n', '.gitignore': '*.log\n' })
    write(root, { 'a.py': '2\n', 'b.py': '3\n', 'new file.py': '', 'deep/ü.py': '', 'x.log': 'ignored' })
    git(root, 'add', 'b.py')
    rmSync(join(root, 'c.py'))
    const source = await gitSource(root)
    const patch = Buffer.from(source?.patch ?? '', 'base64').toString()
    for (const line of ['+2', '+3', 'deleted file mode 100644']) assert.ok(patch.split('\n').includes(line), line)
    assert.equal(source?.patch_digest, `sha256:${createHash('sha256').update(patch).digest('hex')}`)
    assert.deepEqual(source?.untracked?.toSorted(), ['deep/ü.py', 'new file.py'])
    const other = join(folder, `p${made++}`)
    git(folder, 'clone', '-q', root, other)
    writeFileSync(join(folder, 'the.patch'), patch)
    git(other, 'apply', join(folder, 'the.patch'))
    assert.equal(git(other, 'diff', 'HEAD', '--', 'a.py').includes('+2'), true, 'the patch applies to the commit')
  })

  it('is of the folder alone where the repository is larger', async () => {
    const root = repository({ 'one/a.py': '1\n', 'two/b.py': '1\n' })
    write(root, { 'two/b.py': '2\n', 'two/new.py': '' })
    const { patch, untracked } = (await gitSource(join(root, 'one'))) ?? {}
    assert.deepEqual([patch, untracked], [undefined, []])
    assert.deepEqual((await gitSource(join(root, 'two')))?.untracked, ['new.py'])
  })

  it('keeps the beginning of a long difference and the digest of all of it', async () => {
    const root = repository({ 'a.txt': 'a\n' })
    write(root, { 'a.txt': `${'b'.repeat(PATCH_BYTES)}\n` })
    const source = await gitSource(root)
    const full = execFileSync('git', ['diff', '--binary', 'HEAD', '--', '.'], { cwd: root, maxBuffer: 2 ** 30 })
    assert.deepEqual(Buffer.from(source?.patch ?? '', 'base64'), full.subarray(0, PATCH_BYTES))
    assert.equal(source?.patch_digest, `sha256:${createHash('sha256').update(full).digest('hex')}`)
  })
})
