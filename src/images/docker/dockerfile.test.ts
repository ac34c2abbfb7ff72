/** What the Dockerfile of a project installs by, and what an engine is not given. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { dockerfile, dockerignore } from './dockerfile.ts'

const WANTED = {
  base: 'r.example/python@sha256:1',
  uv: 'r.example/uv@sha256:2',
  python: '3.11',
  pythonPath: '/usr/local/bin/python3',
  lockDigest: 'sha256:3',
  project: 'flights',
  user: 10_001,
}

test('packages come from the lock of uv where it lies, and never from newer ones', () => {
  const text = dockerfile({ ...WANTED, lock: { kind: 'uv', folder: 'env' } })
  assert.match(text, /--mount=type=bind,source=env\/uv\.lock,target=\/build\/uv\.lock \\\n/)
  assert.match(text, /--mount=type=bind,source=env\/pyproject\.toml,target=\/build\/pyproject\.toml \\\n/)
  assert.match(text, /uv sync --locked --no-install-project --no-dev\n/)
  assert.doesNotMatch(text, /requirements/)
})

test('packages come by their hashes where there is none', () => {
  const text = dockerfile({ ...WANTED, lock: { kind: 'requirements', file: 'requirements.lock' } })
  assert.match(text, /uv pip install --python \/opt\/venv\/bin\/python --require-hashes --no-deps -r/)
  assert.doesNotMatch(text, /uv sync/)
})

test('the image that runs has no tool of the build, and an environment at the path where it was made', () => {
  const [, last = ''] = dockerfile({ ...WANTED, lock: { kind: 'uv', folder: '' } }).split(
    /\n(?=FROM r\.example\/python\S+\n)/,
  )
  assert.match(last, /^COPY --from=packages \/opt\/venv \/opt\/venv$/m)
  assert.doesNotMatch(last, /\/usr\/local\/bin\/uv|RUN/)
  assert.match(last, /^USER 10001:10001$/m)
})

test('rules of .slipwayignore leave out the same by docker’s form', () => {
  const own = dockerignore('# mine\n*.tmp\n/notes/\ndeep/data.csv\n!keep.tmp\n\n').split('\n').slice(7)
  assert.deepEqual(own, ['**/*.tmp', 'notes', 'deep/data.csv', '!**/keep.tmp', ''])
  assert.match(dockerignore(''), /^\.git$/m)
})
