/** Tasks of a foreign scheduler run the steps of a run: one run however many tasks come, the cache, conditions, items, failures that are cleared. */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { parse } from 'yaml'
import { createClient } from '../../src/client/client.ts'
import { DAG_TOOLS, tasksApi, type DagTool } from '../../src/contract/pipelines/tasks.ts'
import { pipelinesApi } from '../../src/contract/pipelines.ts'
import { authApi } from '../../src/contract/auth.ts'
import { nightProject, nightSteps } from '../fixtures/night-project.ts'
import { projectServer } from '../fixtures/project-server.ts'
import { endedRun } from '../fixtures/runs-of.ts'
import { outputOf } from '../output.ts'

interface Ended {
  readonly code: number | null
  readonly out: string
}

describe('tasks of a foreign scheduler', () => {
  const at = projectServer('tasks', (folder) => ({
    'slipway.yaml': nightProject('night'),
    'step.py': nightSteps(join(folder, 'gate')),
  }))
  const program = readFileSync(join(import.meta.dirname, '../../python/slipway/remote/task.py'), 'utf8')
  let version = ''

  /** Variables as a scheduler sets them. */
  const given = (run: string, more: Record<string, string> = {}): NodeJS.ProcessEnv => ({
    PATH: process.env['PATH'],
    HOME: at.folder,
    SLIPWAY_URL: at.server.url,
    SLIPWAY_TOKEN: at.server.token,
    SLIPWAY_RUN: run,
    SLIPWAY_NODE_CACHE: join(at.folder, 'node'),
    ...more,
  })
  async function task(run: string, step: string, more: Record<string, string> = {}): Promise<Ended> {
    const words = ['-c', program, version, ...(step === '' ? [] : [step])]
    return outputOf('python3', words, { env: given(run, more), limitMs: 120_000 })
  }
  const runOf = async (text: string) => {
    const id = /\[slipway\] run (\S+): http/.exec(text)?.[1] ?? assert.fail(text)
    return at.server.client.call(pipelinesApi.getPipelineRun, { params: { id } })
  }

  test('every scheduler gets a file that names the version, and one that is another’s is not written over', async () => {
    for (const tool of DAG_TOOLS) {
      const file = join(at.folder, `dag-${tool}`)
      const { code, out, said } = await at.slipway('dag', tool, at.project, '--out', file, '--json')
      assert.equal(code, 0, said)
      const told = JSON.parse(out) as { written: string; pipeline_version: string; notes: string[] }
      version = told.pipeline_version
      assert.equal(told.written, file)
      assert.ok(told.notes.some((note) => note.includes('is that of this machine alone')))
      assert.ok(readFileSync(file, 'utf8').includes(version))
    }
    const other = join(at.folder, 'mine.py')
    writeFileSync(other, 'print("mine")\n')
    const { code, said } = await at.slipway('dag', 'airflow', at.project, '--out', other)
    assert.equal(code, 2)
    assert.match(said, /is no DAG that slipway wrote of night/)
    assert.equal(readFileSync(other, 'utf8'), 'print("mine")\n')
    assert.equal((await at.slipway('dag', 'luigi', at.project)).code, 2)
  })

  test('what a scheduler reads: sources that compile, and workflows with every step behind what it needs', async () => {
    for (const tool of ['airflow', 'kubeflow'] as const) {
      const file = join(at.folder, `dag-${tool}`)
      const compiled = `import ast, sys; ast.parse(open(sys.argv[1], encoding="utf-8").read(), feature_version=(3, 10))`
      const { code, out } = await outputOf('python3', ['-c', compiled, file], { limitMs: 120_000 })
      assert.equal(code, 0, out)
    }
    const read = (tool: DagTool): unknown => parse(readFileSync(join(at.folder, `dag-${tool}`), 'utf8'))
    const github = read('github') as { jobs: Record<string, { needs?: string[] }> }
    const needs = Object.entries(github.jobs).map(([name, job]) => [name, job.needs ?? []])
    assert.deepEqual(needs, [
      ['read', []],
      ['fit_each', ['read']],
      ['large', ['read']],
      ['report', ['fit_each']],
      ['slipway_end', ['large', 'report']],
    ])
    const azure = read('azure') as { jobs: Record<string, { inputs: Record<string, string> }> }
    assert.equal(azure.jobs['report']?.inputs['after_fit_each'], '${{parent.jobs.fit_each.outputs.done}}')
    const machine = read('step-functions') as { States: Record<string, { Branches?: { StartAt: string }[] }> }
    const depths = Object.values(machine.States).map(({ Branches = [] }) => Branches.map(({ StartAt }) => StartAt))
    assert.deepEqual(depths, [['read'], ['fit-each', 'large'], ['report'], []])
  })

  test('a step runs in its task, whose log has what it printed; a second task of it finds it done', async () => {
    const [first, second] = await Promise.all([task('one', 'read'), task('one', 'read')])
    assert.deepEqual([first.code, second.code], [0, 0], first.out + second.out)
    assert.equal(`${first.out}${second.out}`.match(/^reads 3$/gm)?.length, 1)
    const run = await runOf(first.out)
    assert.equal(run.id, (await runOf(second.out)).id)
    const [read] = run.steps
    assert.deepEqual([read?.state, read?.attempts.length], ['succeeded', 1])
    assert.doesNotMatch(first.out + second.out, new RegExp(at.server.token))
  })

  test('a step that is skipped ends with 99, or with what the scheduler asked for', async () => {
    assert.equal((await task('one', 'large')).code, 99)
    assert.equal((await task('one', 'large', { SLIPWAY_SKIPPED: '0' })).code, 0)
  })

  test('a step that fails ends with 1, as does the run; cleared, it repeats what failed and nothing else', async () => {
    const failed = await task('one', 'fit-each')
    assert.equal(failed.code, 1)
    assert.match(failed.out, /^fits 1$/m)
    assert.match(failed.out, /ValueError: the gate is shut/)
    const end = await task('one', '')
    assert.equal(end.code, 1)
    assert.match(end.out, /has ended as failed/)

    writeFileSync(join(at.folder, 'gate'), '')
    const cleared = await task('one', 'fit-each')
    assert.equal(cleared.code, 0, cleared.out)
    assert.match(cleared.out, /moved: run pr_\w+ is repeated as pr_\w+/)
    assert.deepEqual([/^fits 1$/m.test(cleared.out), /^fits 2$/m.test(cleared.out)], [false, true])
    const report = await task('one', 'report')
    assert.equal(report.code, 0, report.out)
    const ended = await task('one', '')
    assert.equal(ended.code, 0, ended.out)
    const first = await runOf(ended.out)
    assert.ok(first.repeated_as !== undefined)
    const repeated = await at.server.client.call(pipelinesApi.getPipelineRun, { params: { id: first.repeated_as } })
    assert.deepEqual([first.outcome, repeated.outcome], ['failed', 'succeeded'])
    const where = { id: repeated.id, step: 'report', output: 'page' }
    const page = await at.server.client.open(pipelinesApi.readOutputFile, { params: where, query: { path: '' } })
    assert.equal(await page.text(), 'xxx1,xxx2')
  })

  test('the next run takes everything from the cache, by the words that the workflow file has; a param of the scheduler runs anew', async () => {
    const workflow = parse(readFileSync(join(at.folder, 'dag-github'), 'utf8')) as {
      env: Record<string, string>
      jobs: Record<string, { steps: { run: string }[] }>
    }
    const outs: string[] = []
    for (const job of Object.values(workflow.jobs)) {
      const words = job.steps[0]?.run ?? ''
      const env = given('two', { SLIPWAY_PROGRAM: workflow.env['SLIPWAY_PROGRAM'] ?? '', SLIPWAY_SKIPPED: '0' })
      const { code, out } = await outputOf('bash', ['-c', words], { env, limitMs: 120_000 })
      assert.equal(code, 0, out)
      outs.push(out)
    }
    const run = await runOf(outs[0] ?? '')
    assert.deepEqual(
      run.steps.map(({ state }) => state),
      ['cached', 'cached', 'skipped', 'cached'],
    )
    assert.ok(run.steps.every(({ attempts }) => attempts.length === 0))

    const other = await task('three', 'read', { SLIPWAY_PARAMS: '{"size": 7}' })
    assert.match(other.out, /^reads 7$/m)
    assert.equal((await task('three', 'large', { SLIPWAY_PARAMS: '{"size": 7}' })).code, 0)
    const mixed = await task('three', 'report', { SLIPWAY_PARAMS: '{"size": 8}' })
    assert.equal(mixed.code, 1)
    assert.match(mixed.out, /this name stands for run pr_\w+, which was begun with size = 7, not with 8/)
    assert.equal((await task('three', 'report')).code, 1)
    const wrong = await task('four', 'read', { SLIPWAY_PARAMS: '{"size": 70}' })
    assert.equal(wrong.code, 1)
    assert.match(wrong.out, /the server refuses it.*size/)
  })

  test('the program of a state machine, which is shorter, runs a step too', async () => {
    type Task = { Parameters: { Overrides: { ContainerOverrides: { Command: string[] }[] } } }
    const machine = JSON.parse(readFileSync(join(at.folder, 'dag-step-functions'), 'utf8')) as {
      States: Record<string, { Branches?: { States: Record<string, Task> }[] }>
    }
    const read = machine.States['Depth 1']?.Branches?.[0]?.States['read']
    const [command = '', ...words] = read?.Parameters.Overrides.ContainerOverrides[0]?.Command ?? []
    const { code, out } = await outputOf(command, words, { env: given('five'), limitMs: 120_000 })
    assert.equal(code, 0, out)
    assert.match(out, /taken from the cache/)
  })

  test('a job of SageMaker reads its token from Secrets Manager, and runs a step', async () => {
    type Job = { Arguments: { AppSpecification: { ContainerEntrypoint: string[]; ContainerArguments: string[] } } }
    const { Steps } = JSON.parse(readFileSync(join(at.folder, 'dag-sagemaker'), 'utf8')) as { Steps: Job[] }
    const { ContainerEntrypoint, ContainerArguments } = Steps[0]?.Arguments.AppSpecification ?? assert.fail()
    const secrets = join(at.folder, 'secrets')
    mkdirSync(secrets)
    const boto3 = [
      'import types',
      `found = {"my-token": {"SecretString": "${at.server.token}"}}`,
      'def client(service):',
      '    assert service == "secretsmanager"',
      '    return types.SimpleNamespace(get_secret_value=lambda SecretId: found[SecretId])',
    ]
    writeFileSync(join(secrets, 'boto3.py'), boto3.join('\n'))
    const env = given('six', { SLIPWAY_TOKEN: '', SLIPWAY_TOKEN_SECRET: 'my-token', PYTHONPATH: secrets })
    const [command = '', ...words] = [...ContainerEntrypoint, ...ContainerArguments]
    const { code, out } = await outputOf(command, words, { env, limitMs: 120_000 })
    assert.equal(code, 0, out)
    assert.match(out, /taken from the cache/)
    assert.doesNotMatch(out, new RegExp(at.server.token))
  })

  test('what Data Factory sends starts one run, whose end is where it looks', async () => {
    type Request = { url: string; body?: string; method: string }
    type Activity = { name: string; typeProperties: Request & { activities?: Activity[] } }
    const template = JSON.parse(readFileSync(join(at.folder, 'dag-data-factory'), 'utf8')) as {
      resources: { properties: { activities: Activity[] } }[]
    }
    const all = template.resources[0]?.properties.activities.flatMap((one) => [
      one,
      ...(one.typeProperties.activities ?? []),
    ])
    const request = (name: string): Request =>
      all?.find((one) => one.name === name)?.typeProperties ?? assert.fail(name)
    const send = async (
      name: string,
      values: Record<string, string>,
    ): Promise<{ id: string; outcome: string | null }> => {
      const { url, body, method } = request(name)
      const filled = (text: string): string =>
        text.replaceAll(/@\{(.*?)\}/g, (_, of: string) => values[of] ?? assert.fail(of))
      const reply = await fetch(filled(url), {
        method,
        headers: { authorization: `Bearer ${at.server.token}`, 'content-type': 'application/json' },
        ...(body !== undefined && { body: filled(body) }),
      })
      assert.ok(reply.ok, String(reply.status))
      return (await reply.json()) as { id: string; outcome: string | null }
    }
    const values = {
      'pipeline().DataFactory': 'factory',
      'pipeline().RunId': '0f8fad5b',
      'pipeline().parameters.params': '{"size": 4}',
    }
    const first = await send('Start', values)
    assert.equal((await send('Start', values)).id, first.id)
    await endedRun(at.server, first.id)
    assert.equal((await send('Look', { "activity('Start').output.id": first.id })).outcome, 'succeeded')
  })

  test('a run that is cancelled is over, also for a task that waited in it', async () => {
    const env = given('cancelled', { SLIPWAY_PARAMS: '{"size": 9}' })
    let run = ''
    const written = (out: string): void => {
      if (run !== '' || !out.includes('report: wait')) return
      run = /\[slipway\] run (\S+): http/.exec(out)?.[1] ?? assert.fail(out)
      void at.server.client.call(pipelinesApi.cancelPipelineRun, { params: { id: run } })
    }
    const words = ['-c', program, version, 'report']
    const { code, out } = await outputOf('python3', words, { env, limitMs: 120_000, written })
    assert.equal(code, 1, out)
    assert.match(out, /report: failed: the step was cancelled/)
    // its step is cancelled before the run has ended: the attempt of another has to end first
    const ended = await endedRun(at.server, run)
    assert.deepEqual([ended.outcome, ended.repeated_as], ['cancelled', undefined])
  })

  test('who may not build may not take, and a run of this server’s own steps has none for tasks', async () => {
    const client = at.server.client
    const made = async (role: 'viewer' | 'contributor', project: string): Promise<ReturnType<typeof createClient>> => {
      const { token } = await client.call(authApi.createToken, { body: { name: role, role, project } })
      return createClient({ url: at.server.url, token })
    }
    const own = await client.call(pipelinesApi.createPipelineRun, { body: { pipeline_version: version } })
    const take = (who: typeof client, id: string, step = 'read'): Promise<unknown> =>
      who.call(tasksApi.takeStep, { params: { id, step }, body: {} })
    await assert.rejects(take(await made('viewer', 'night'), own.id), { status: 403 })
    await assert.rejects(take(await made('contributor', 'day'), own.id), { status: 404 })
    await assert.rejects(take(await made('contributor', 'night'), own.id), { status: 409 })
    const { id } = await runOf((await task('one', 'read')).out)
    await assert.rejects(take(client, id, 'no'), { status: 404 })
    const dag = { params: { id: version }, query: { tool: 'argo', url: 'http://a"b.example' } as const }
    await assert.rejects(client.call(tasksApi.exportDag, dag), { status: 400 })
    assert.ok(existsSync(join(at.folder, 'node')))
  })
})
