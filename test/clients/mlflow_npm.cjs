// The `mlflow` package of npm against a server: prints one JSON line a check. Arguments: folder of the package, URL, token.
const { join } = require('node:path')
const [folder, endpoint, token] = process.argv.slice(2)
const MLflow = require(join(folder, 'node_modules/mlflow'))

// the package prints what it sends
const print = console.log.bind(console)
console.log = () => undefined
const check = (name, ok, detail = '') => print(JSON.stringify({ check: name, ok, detail }))
const refused = async (work, text) =>
  work.then(
    () => 'was not refused',
    (error) => (text.test(error.message) ? '' : error.message),
  )

async function main() {
  const { Experiments, Runs, Metrics, Artifacts } = new MLflow({
    endpoint,
    headers: { Authorization: `Bearer ${token}` },
  })
  const { experiment_id } = await Experiments.create({ name: 'npm' })
  const { experiments } = await Experiments.list()
  check(
    'experiments listed',
    experiments.some((one) => one.experiment_id === experiment_id),
  )
  const { experiment } = await Experiments.get({ experiment_id })
  check('experiment read', experiment.name === 'npm', experiment.name)
  await Experiments.update({ experiment_id, new_name: 'npm renamed' })
  await Experiments.delete({ experiment_id })
  const listed = await Experiments.list({ view_type: 'DELETED_ONLY' })
  check('deleted experiments listed', listed.experiments.length === 1, JSON.stringify(listed))
  await Experiments.restore({ experiment_id })

  const { run } = await Runs.create({
    experiment_id,
    user_id: 'me',
    start_time: 1000,
    tags: [{ key: 'a', value: 'b' }],
  })
  const { run_id } = run.info
  await Runs.logParameter({ run_id, key: 'p', value: '1' })
  await Runs.logMetric({ run_id, key: 'm', value: 0.5, timestamp: 1, step: 0 })
  await Runs.logBatch({
    run_id,
    metrics: [{ key: 'm', value: 0.25, timestamp: 2, step: 1 }],
    params: [{ key: 'q', value: '2' }],
    tags: [{ key: 'c', value: 'd' }],
  })
  await Runs.setTag({ run_id, key: 'e', value: 'f' })
  await Runs.deleteTag({ run_id, key: 'e' })
  const { metrics } = await Metrics.getHistory({ run_id, metric_key: 'm' })
  check('history', metrics.map((one) => one.value).join() === '0.5,0.25', JSON.stringify(metrics))
  await Runs.update({ run_id, status: 'FINISHED', end_time: 2000 })
  const found = (await Runs.get({ run_id })).run
  const tags = found.data.tags.map((tag) => tag.key)
  check('run read', found.info.status === 'FINISHED' && found.data.params.length === 2, JSON.stringify(found))
  check('tags', tags.includes('a') && tags.includes('c') && !tags.includes('e'), tags.join())
  const { runs } = await Runs.search({ experiment_ids: [experiment_id], filter: 'metrics.m < 0.3', max_results: 10 })
  check('runs searched', runs.length === 1 && runs[0].info.run_id === run_id)
  const files = await Artifacts.list({ run_id })
  check('artifacts listed', files.root_uri.startsWith('mlflow-artifacts:/'), JSON.stringify(files))
  await Runs.delete({ run_id })
  await Runs.restore({ run_id })

  const missing = await refused(Runs.get({ run_id: 'none' }), /404.*RESOURCE_DOES_NOT_EXIST/)
  check('no such run', missing === '', missing)
  const stranger = new MLflow({ endpoint, headers: { Authorization: 'Bearer slw_wrong.wrong' } })
  const closed = await refused(stranger.Experiments.list(), /401.*UNAUTHENTICATED/)
  check('a stranger is refused', closed === '', closed)
}

main().catch((error) => {
  print(String(error.stack))
  process.exitCode = 1
})
