/** Where files of an MLflow server lie, and where they lie after they moved: folders and the proxy move in, buckets stay. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, describe, it } from 'node:test'
import { pathToFileURL } from 'node:url'
import { filesAt, movedLocation, movedUri } from './places.ts'

const root = mkdtempSync(join(tmpdir(), 'slipway-places-'))
after(() => rmSync(root, { recursive: true, force: true }))

describe('the address of files that moved', () => {
  for (const [uri, moved] of [
    ['mlflow-artifacts:/0/r1/artifacts', 'mlflow-artifacts:/0/r1/artifacts'],
    ['mlflow-artifacts://host:5000/0/r1/artifacts/m', 'mlflow-artifacts:/0/r1/artifacts/m'],
    ['/srv/mlruns/0/r1/artifacts', 'mlflow-artifacts:/0/r1/artifacts'],
    ['file:///srv/mlruns/0/r1/artifacts/model', 'mlflow-artifacts:/0/r1/artifacts/model'],
    ['./mlruns/3/models/m-1/artifacts', 'mlflow-artifacts:/3/models/m-1/artifacts'],
    ['/srv/mlruns/3/traces/tr-1/artifacts', 'mlflow-artifacts:/3/traces/tr-1/artifacts'],
    ['s3://bucket/0/r1/artifacts', 's3://bucket/0/r1/artifacts'],
    ['runs:/r1/model', 'runs:/r1/model'],
    ['/srv/elsewhere/model', '/srv/elsewhere/model'],
  ] as const)
    it(`of ${uri} is ${moved}`, () => assert.equal(movedUri(uri), moved))

  for (const uri of [null, '', '/srv/mlruns/3', 'file:///srv/mlruns/3', 'mlflow-artifacts:/3'])
    it(`of the experiment at ${String(uri)} is its own`, () =>
      assert.equal(movedLocation(uri, '3'), 'mlflow-artifacts:/3'))

  it('of an experiment in a bucket stays', () => {
    assert.equal(movedLocation('s3://bucket/exp', '3'), 's3://bucket/exp')
  })
})

describe('the files of a run', () => {
  const place = join(root, 'mlruns/0/r1/artifacts')
  for (const [path, text] of [
    ['model/MLmodel', 'm'],
    ['b.txt', 'bb'],
    ['a.txt', ''],
  ] as const) {
    mkdirSync(dirname(join(place, path)), { recursive: true })
    writeFileSync(join(place, path), text)
  }
  symlinkSync('/etc', join(place, 'link'))
  symlinkSync(join(place, 'a.txt'), join(place, 'z.txt'))

  async function found(uri: string, below?: string): Promise<(readonly [string, string, string])[]> {
    const all: (readonly [string, string, string])[] = []
    for await (const { owner, path, open } of filesAt(uri, below)) {
      const chunks: Uint8Array[] = []
      for await (const chunk of open()) chunks.push(chunk)
      all.push([owner, path, Buffer.concat(chunks).toString()])
    }
    return all
  }

  const all = [
    ['0/r1', 'a.txt', ''],
    ['0/r1', 'b.txt', 'bb'],
    ['0/r1', 'model/MLmodel', 'm'],
  ]

  it('are found by a path and by an address of a folder, without links', async () => {
    assert.deepEqual(await found(place), all)
    assert.deepEqual(await found(pathToFileURL(place).href), all)
  })

  it('are found below the folder that the server kept its files in', async () => {
    assert.deepEqual(await found('mlflow-artifacts:/0/r1/artifacts', join(root, 'mlruns')), all)
    assert.deepEqual(await found('/gone/mlruns/0/r1/artifacts', join(root, 'mlruns')), all)
  })

  it('are none where the folder is not here', async () => {
    assert.deepEqual(await found('mlflow-artifacts:/0/r1/artifacts'), [])
    assert.deepEqual(await found('mlflow-artifacts:/0/r2/artifacts', join(root, 'mlruns')), [])
    assert.deepEqual(await found('s3://bucket/0/r1/artifacts', join(root, 'mlruns')), [])
  })
})
