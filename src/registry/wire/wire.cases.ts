/** Cases: models, versions, prompts, tags and stages as MLflow's clients handle them. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { Readable } from 'node:stream'
import type { Problem } from '../../contract/errors.ts'
import { treeFiles } from '../../store/blobs/trees.ts'
import { deleteArtifacts, putArtifact } from '../../tracking/artifacts/artifacts.ts'
import { logBatch } from '../../tracking/batches/batch.ts'
import { getLoggedModel } from '../../tracking/models/logged-models.ts'
import { aliasHistory, moveAlias } from '../aliases/aliases.ts'
import { loggedModel, person, root, runWithModel, wanted } from '../bench.cases.ts'
import type { Bench } from '../bench.cases.ts'
import { createModel, deleteModel, renameModel, setModelTag } from '../versions/models.ts'
import { PROMPT_TAG } from '../context/names.ts'
import { registerVersion } from '../versions/register.ts'
import type { VersionRow } from '../context/context.ts'
import { searchModels, searchVersions } from './search.ts'
import { createVersion, deleteVersion, setVersionTag, transitionStage } from '../versions/versions.ts'
import type { VersionRequest } from '../versions/versions.ts'
import { wireModel, wireVersion } from '../versions/wire-read.ts'

/** A refusal with this MLflow code and text. */
function refusal(code: string, text: RegExp): (error: Problem) => boolean {
  return (error) => {
    assert.equal(error.data['mlflow_code'], code)
    assert.match(String(error.data['detail']), text)
    return true
  }
}

const PROMPT = [{ key: PROMPT_TAG, value: 'true' }]
const LIST = { filter: undefined, order_by: [], max_results: 1000, page_token: undefined }

export function wireCases(bench: Bench): void {
  const version = (name: string, source: string, more: Partial<VersionRequest> = {}): Promise<VersionRow> =>
    createVersion(bench.room, bench.tracking, more.run_link === 'blue' ? person('contributor', 'blue') : root, {
      name,
      source,
      run_id: undefined,
      model_id: undefined,
      run_link: undefined,
      description: undefined,
      tags: [],
      ...more,
    })
  const model = (name: string, tags: { key: string; value: string }[] = []) =>
    createModel(bench.room, root, { name, description: undefined, tags })
  const names = async (filter: string | undefined, who = root): Promise<string[]> =>
    ((await searchModels(bench.room, who, { ...LIST, filter })).registered_models ?? []).map(
      (one) => (one as { name: string }).name,
    )

  it('fixes the files of a run, whatever becomes of them', async () => {
    await model('fixed')
    const { run, uri } = await runWithModel(bench)
    await logBatch(bench.tracking, root, run, { metrics: [{ key: 'auc', value: 0.75, timestamp: 1, step: 0 }] })
    const made = await version('fixed', `${uri}/model`, { run_id: run })
    assert.deepEqual(JSON.parse(made.metrics), { auc: 0.75 })
    assert.equal(made.lowering_state, 'pending')
    const folder = uri.replace('mlflow-artifacts:/', '')
    await putArtifact(bench.tracking, root, `${folder}/model/model.pkl`, Readable.from([Buffer.from('other')]))
    await deleteArtifacts(bench.tracking, root, `${folder}/model/MLmodel`)
    const files = await treeFiles(bench.room.blobs, made.tree ?? '')
    assert.deepEqual(
      files.map((file) => file.path),
      ['MLmodel', 'model.pkl'],
    )
    assert.equal((await bench.room.blobs.bytes(files[1]?.digest ?? '')).toString(), 'weights')
  })

  it('takes a logged model, a run folder, another version and a foreign place', async () => {
    await model('sources')
    const { run } = await runWithModel(bench)
    const logged = await loggedModel(bench, run)
    const byModel = await version('sources', `models:/${logged.id}`, { model_id: logged.id })
    assert.deepEqual([byModel.run_id, byModel.model_id, byModel.storage], [run, logged.id, logged.uri])
    const tags = (await getLoggedModel(bench.tracking, root, logged.id)).info['tags'] as { value: string }[]
    assert.deepEqual(JSON.parse(tags[0]?.value ?? ''), [{ name: 'sources', version: 1 }])
    const byRun = await version('sources', `runs:/${run}/model`, { run_id: run })
    assert.ok(byRun.tree !== null && byRun.tree !== byModel.tree)
    const byName = await version('sources', `runs:/${run}/clf`)
    assert.equal(byName.tree, byModel.tree)
    const copy = await version('sources', 'models:/sources/2')
    assert.deepEqual([copy.tree, copy.run_id, copy.source], [byRun.tree, run, 'models:/sources/2'])
    const newest = await version('sources', 'models:/sources/latest')
    assert.equal(newest.source, 'models:/sources/4')
    const foreign = await version('sources', 's3://bucket/some/model')
    assert.deepEqual([foreign.tree, foreign.lowering_state], [null, 'failed'])
  })

  it('refuses sources outside what the caller named or may see', async () => {
    await model('refused')
    const { run, uri } = await runWithModel(bench)
    const other = await runWithModel(bench)
    const logged = await loggedModel(bench, run)
    const bad: [string, Partial<VersionRequest>, RegExp][] = [
      ['/etc/passwd', {}, /local path has to be contained/],
      ['file:///etc/passwd', { run_id: run }, /local path has to be contained/],
      ['model', { run_id: run }, /local path has to be contained/],
      [`${uri}/../../secret`, { run_id: run }, /absolute path/],
      [`${uri}/%252e%252e/%252e%252e/x`, { run_id: run }, /absolute path/],
      [`${uri}/..%2f..%2fx`, { run_id: run }, /absolute path/],
      [`${uri}/model%00`, { run_id: run }, /absolute path/],
      ['s3:/bucket/../other', {}, /absolute path/],
      [`${other.uri}/model`, { run_id: run }, /run_id request parameter must identify/],
      [`${uri}/model`, {}, /run_id request parameter must identify/],
      [`${uri}/model`, { model_id: logged.id }, /model_id request parameter must identify/],
      [`mlflow-artifacts://elsewhere:80/${uri.slice(18)}/model`, { run_id: run }, /must identify/],
      ['http://host/api/2.0/mlflow-artifacts/artifacts/0/x', { run_id: run }, /must identify/],
      [`runs:/${run}/model`, { run_id: other.run }, /run_id request parameter must identify/],
      ['runs:/unknown/model', {}, /run_id request parameter must identify/],
      ['models:/m-unknown', {}, /model_id request parameter must identify/],
      [`models:/${logged.id}`, { model_id: 'm-other' }, /model_id request parameter must identify/],
      ['models:/a/b/c', {}, /model_id request parameter must identify/],
    ]
    for (const [source, more, text] of bad) {
      await assert.rejects(version('refused', source, more), refusal('INVALID_PARAMETER_VALUE', text), source)
    }
    const none = await searchVersions(bench.room, root, { ...LIST, filter: "name = 'refused'" })
    assert.deepEqual(none, {})
  })

  it('keeps projects apart', async () => {
    const blue = person('contributor', 'blue')
    await createModel(bench.room, blue, { name: 'blue-model', description: undefined, tags: [] })
    const { run } = await runWithModel(bench)
    await assert.rejects(
      version('blue-model', `runs:/${run}/model`, { run_link: 'blue' }),
      refusal('INVALID_PARAMETER_VALUE', /must identify/),
    )
    await assert.rejects(wireModel(bench.room.db, blue, 'sources'), refusal('RESOURCE_DOES_NOT_EXIST', /not found/))
    await assert.rejects(
      wireVersion(bench.room.db, blue, 'sources', 1),
      refusal('RESOURCE_DOES_NOT_EXIST', /not found/),
    )
    assert.deepEqual(await names(undefined, blue), ['blue-model'])
    const found = await searchVersions(bench.room, blue, { ...LIST, filter: "name = 'sources'" })
    assert.deepEqual(found, {})
  })

  it('names are checked, and taken once', async () => {
    await model('taken name')
    await assert.rejects(model('taken name'), refusal('RESOURCE_ALREADY_EXISTS', /\(name=taken name\) already exists/))
    await model('taken')
    await assert.rejects(model('taken', PROMPT), refusal('RESOURCE_ALREADY_EXISTS', /already taken by a registered/))
    // to another project it is not said what has the name
    for (const tags of [[], PROMPT])
      await assert.rejects(
        createModel(bench.room, person('contributor', 'blue'), { name: 'taken', description: undefined, tags }),
        refusal('RESOURCE_ALREADY_EXISTS', /^The name 'taken' cannot be used in this project; choose another one\.$/),
      )
    for (const name of ['a/b', 'a:b', ' ', '..', 'a\u0000b', 'x'.repeat(300)]) {
      await assert.rejects(model(name), refusal('INVALID_PARAMETER_VALUE', /./), name)
    }
    await assert.rejects(model('no spaces', PROMPT), refusal('INVALID_PARAMETER_VALUE', /Prompt names/))
  })

  it('searches by name and tags, in order, page by page', async () => {
    for (const name of ['s-b', 's-a', 's-c']) {
      bench.wait(10)
      await model(name, name === 's-c' ? [] : [{ key: 'odd key', value: 'yes' }])
    }
    assert.deepEqual(await names("name LIKE 's-%'"), ['s-a', 's-b', 's-c'])
    assert.deepEqual(await names("name ILIKE 'S-%' AND tags.`odd key` = 'yes'"), ['s-a', 's-b'])
    assert.deepEqual(await names("tags.`odd key` != 'yes'"), [])
    const order_by = ['last_updated_timestamp DESC']
    const page = await searchModels(bench.room, root, { ...LIST, filter: "name LIKE 's-%'", order_by, max_results: 2 })
    const rest = await searchModels(bench.room, root, {
      ...LIST,
      filter: "name LIKE 's-%'",
      order_by,
      max_results: 2,
      page_token: page.next_page_token,
    })
    const all = [...(page.registered_models ?? []), ...(rest.registered_models ?? [])] as { name: string }[]
    assert.deepEqual(
      all.map((one) => one.name),
      ['s-c', 's-a', 's-b'],
    )
    assert.equal(rest.next_page_token, undefined)
    for (const bad of ['name > 3', "color = 'red'", "name = 'a' OR name = 'b'", 'name = a']) {
      await assert.rejects(names(bad), refusal('INVALID_PARAMETER_VALUE', /./), bad)
    }
  })

  it('prompts are models apart: only a search that names their tag finds them', async () => {
    await model('p-greet', PROMPT)
    await model('p-model')
    const made = await version('p-greet', 'dummy-source', {
      tags: [...PROMPT, { key: 'mlflow.prompt.text', value: 'Hi' }],
    })
    assert.deepEqual([made.source, made.tree], ['dummy-source', null])
    assert.deepEqual(await names("name LIKE 'p-%'"), ['p-model'])
    assert.deepEqual(await names("name LIKE 'p-%' AND tags.`mlflow.prompt.is_prompt` = 'true'"), ['p-greet'])
    assert.deepEqual(await names("name LIKE 'p-%' AND tags.`mlflow.prompt.is_prompt` != 'true'"), ['p-model'])
    assert.deepEqual(await names("name LIKE 'p-%' AND tags.`mlflow.prompt.is_prompt` = 'false'"), ['p-model'])
    const versions = await searchVersions(bench.room, root, { ...LIST, filter: "name = 'p-greet'" })
    assert.deepEqual(versions, {})
    const wantsPrompts = "name = 'p-greet' AND tags.`mlflow.prompt.is_prompt` = 'true'"
    const prompts = await searchVersions(bench.room, root, { ...LIST, filter: wantsPrompts })
    assert.equal(prompts.model_versions?.length, 1)
  })

  it('a prompt is no way around the check of sources', async () => {
    for (const source of ['/etc/passwd', 'file:///x', '../x', 'a/b']) {
      await assert.rejects(version('p-greet', source, { tags: PROMPT }), refusal('INVALID_PARAMETER_VALUE', /source/))
    }
    await assert.rejects(
      version('p-model', 'x', { tags: PROMPT }),
      refusal('INVALID_PARAMETER_VALUE', /registered model/),
    )
    await assert.rejects(version('p-greet', 's3://b/c'), refusal('INVALID_PARAMETER_VALUE', /is a prompt/))
    await assert.rejects(version('p-model', 'models:/p-greet/1'), refusal('INVALID_PARAMETER_VALUE', /Prompt versions/))
    const flip = { key: PROMPT_TAG, value: 'false' }
    await assert.rejects(
      setModelTag(bench.room, root, 'p-greet', flip),
      refusal('INVALID_PARAMETER_VALUE', /given when/),
    )
    await assert.rejects(
      setVersionTag(bench.room, root, { ...flip, name: 'p-greet', version: '1' }),
      refusal('INVALID_PARAMETER_VALUE', /prompt/),
    )
  })

  it('stages: the gates of production, archiving, and canonical names', async () => {
    const gates = [{ metric: 'auc', at_least: 0.7 }]
    for (const auc of [0.8, 0.6, 0.9]) {
      await registerVersion(bench.room, root, await wanted(bench, { model: 'staged', auc, gates }))
    }
    const to = (version: string, stage: string, archive = false) =>
      transitionStage(bench.room, root, { name: 'staged', version, stage, archive })
    assert.equal((await to('1', 'pRoDuction')).stage, 'Production')
    assert.equal((await to('2', 'staging')).stage, 'Staging')
    await assert.rejects(to('2', 'Production'), (error: Problem) => error.code === 'gate_refused')
    assert.equal((await to('3', 'Production', true)).stage, 'Production')
    assert.equal((await wireVersion(bench.room.db, root, 'staged', 1)).stage, 'Archived')
    await assert.rejects(to('1', 'Live'), refusal('INVALID_PARAMETER_VALUE', /Invalid Model Version stage: Live/))
    await assert.rejects(to('1', 'None', true), refusal('INVALID_PARAMETER_VALUE', /not an Active stage/))
    const out = { name: 'staged', version: '3', stage: 'None', archive: false }
    const contributor = person('contributor', null)
    await assert.rejects(transitionStage(bench.room, contributor, out), (error: Problem) => error.code === 'forbidden')
  })

  it('a deleted version is gone, its number is not given again, and what answers is protected', async () => {
    for (const auc of [0.8, 0.9]) {
      await registerVersion(bench.room, root, await wanted(bench, { model: 'cut', auc }))
    }
    await moveAlias(bench.room, root, { model: 'cut', alias: 'production', version: '2' })
    const contributor = person('contributor', null)
    await assert.rejects(
      deleteVersion(bench.room, contributor, 'cut', '2'),
      (error: Problem) => error.code === 'forbidden',
    )
    await assert.rejects(deleteModel(bench.room, contributor, 'cut'), (error: Problem) => error.code === 'forbidden')
    const used = { ...bench.room, usedBy: async () => 'endpoint "e"' }
    await assert.rejects(deleteVersion(used, root, 'cut', '2'), refusal('RESOURCE_CONFLICT', /in use by endpoint "e"/))
    await deleteVersion(bench.room, root, 'cut', '2')
    await assert.rejects(
      wireVersion(bench.room.db, root, 'cut', 2),
      refusal('RESOURCE_DOES_NOT_EXIST', /version=2\) not found/),
    )
    const [last] = await aliasHistory(bench.room, 'cut')
    assert.deepEqual([last?.from, last?.to, last?.reason], ['2', null, 'the version was deleted'])
    const next = await registerVersion(bench.room, root, await wanted(bench, { model: 'cut', auc: 0.95 }))
    assert.equal(next.version, '3')
  })

  it('renaming carries versions, aliases, verdicts and history', async () => {
    await moveAlias(bench.room, root, { model: 'cut', alias: 'production', version: '1' })
    const before = await aliasHistory(bench.room, 'cut')
    await assert.rejects(renameModel(bench.room, root, 'cut', 'staged'), refusal('RESOURCE_ALREADY_EXISTS', /staged/))
    await renameModel(bench.room, root, 'cut', 'kept')
    await assert.rejects(
      wireModel(bench.room.db, root, 'cut'),
      refusal('RESOURCE_DOES_NOT_EXIST', /name=cut not found/),
    )
    const after = await aliasHistory(bench.room, 'kept')
    assert.deepEqual(
      after,
      before.map((move) => ({ ...move, model: 'kept' })),
    )
    const found = await searchVersions(bench.room, root, {
      ...LIST,
      filter: "name = 'kept'",
      order_by: ['version_number'],
    })
    assert.deepEqual(
      (found.model_versions as { version: string; aliases?: string[] }[]).map((one) => [one.version, one.aliases]),
      [
        ['1', ['production']],
        ['3', undefined],
      ],
    )
    const jobs = await bench.room.db.all("SELECT id FROM jobs WHERE kind = 'lower' AND key = 'kept/3'")
    assert.equal(jobs.length, 1)
  })

  it('a deleted model leaves its history, and a new one of its name follows it', async () => {
    await deleteModel(bench.room, root, 'kept')
    await assert.rejects(wireModel(bench.room.db, root, 'kept'), refusal('RESOURCE_DOES_NOT_EXIST', /not found/))
    await registerVersion(bench.room, root, await wanted(bench, { model: 'again', auc: 0.8 }))
    await moveAlias(bench.room, root, { model: 'again', alias: 'production', version: '1' })
    await renameModel(bench.room, root, 'again', 'kept')
    const history = await aliasHistory(bench.room, 'kept')
    assert.deepEqual([history[0]?.to, history[1]?.reason], ['1', 'the model was deleted'])
    const seqs = await bench.room.db.all<{ seq: number }>("SELECT seq FROM alias_moves WHERE model = 'kept'")
    assert.equal(new Set(seqs.map((row) => row.seq)).size, seqs.length)
  })
}
