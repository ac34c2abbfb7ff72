/** The two parts of the check, and the order in which test files begin. */

/** Folders and files of tests that take too long for each change: they run in the second part of the check. */
const HEAVY = [
  'src/cli/image/attest.test.ts',
  'src/cli/image/image.test.ts',
  'src/cli/image/scan.test.ts',
  'src/cli/project/file/project-file.test.ts',
  'src/cli/project/file/same-meaning.test.ts',
  'src/cli/project/file/typescript.test.ts',
  'src/envs/stale.test.ts',
  'src/gateway/backends/bad-models.test.ts',
  'src/gateway/faults.test.ts',
  'src/gateway/pyfunc.test.ts',
  'src/images/remote/faults.test.ts',
  'src/monitoring/rounds/crash.test.ts',
  'src/monitoring/rounds/late.test.ts',
  'src/pipelines/checkpoints/kills.test.ts',
  'src/pipelines/checkpoints/node-kills.test.ts',
  'src/pipelines/checkpoints/resumed.test.ts',
  'src/pipelines/data/killed.test.ts',
  'src/pipelines/data/repeated.test.ts',
  'src/pipelines/drivers/local/landlock.test.ts',
  'src/pipelines/drivers/remote/driver.test.ts',
  'src/pipelines/drivers/remote/kubernetes/driver.test.ts',
  'src/pipelines/drivers/remote/node.test.ts',
  'src/pipelines/drivers/remote/slurm/driver.test.ts',
  'src/pipelines/fan/kills.test.ts',
  'src/pipelines/fan/matrix.test.ts',
  'src/pipelines/run/adoption.test.ts',
  'src/pipelines/run/places.test.ts',
  'src/pipelines/spec/read-apart.test.ts',
  'src/rollout/crash.test.ts',
  'src/rollout/door.test.ts',
  'src/scoring/native/lowering-linear.test.ts',
  'src/scoring/native/oracle.test.ts',
  'src/scoring/native/trees/explain.test.ts',
  'src/stats/moved-shares.test.ts',
  'src/stats/sequential.test.ts',
  'src/stats/two-rates.test.ts',
  'src/store/sqlite/readers.test.ts',
  'src/tracking/fuzz.test.ts',
  'test/clients/mlflow-others.test.ts',
  'test/clients/mlserver.test.ts',
  'test/clients/notebook.test.ts',
  'test/clients/oracle.test.ts',
  'test/clusters/',
  'test/images/',
  'test/lowering/',
  'test/mutants/mutants.test.ts',
  'test/notebooks/',
  'test/outages/disk-blobs.test.ts',
  'test/outages/every-table.test.ts',
  'test/outages/nodes.test.ts',
  'test/outages/postgres.test.ts',
  'test/outages/s3-blobs.test.ts',
  'test/outages/sqlite.test.ts',
  'test/runners/',
  'test/scenarios/asked-gates.test.ts',
  'test/scenarios/attestations.test.ts',
  'test/scenarios/audit-checkpoints.sqlite.test.ts',
  'test/scenarios/authored-example.test.ts',
  'test/scenarios/backfills-kills.sqlite.test.ts',
  'test/scenarios/backfills.sqlite.test.ts',
  'test/scenarios/batch-predict-faults.test.ts',
  'test/scenarios/batch-predict-kills.test.ts',
  'test/scenarios/batch-predict.test.ts',
  'test/scenarios/body-limits.test.ts',
  'test/scenarios/change-base.test.ts',
  'test/scenarios/change-report.test.ts',
  'test/scenarios/ci-workflows.test.ts',
  'test/scenarios/cli-runs.test.ts',
  'test/scenarios/conditions.test.ts',
  'test/scenarios/corrupt-store.test.ts',
  'test/scenarios/cost-lost.test.ts',
  'test/scenarios/cost.test.ts',
  'test/scenarios/cve-tracking.test.ts',
  'test/scenarios/cve.test.ts',
  'test/scenarios/damaged-results.test.ts',
  'test/scenarios/database-faults.test.ts',
  'test/scenarios/database-moved.test.ts',
  'test/scenarios/direct-links.test.ts',
  'test/scenarios/endpoints-lost.test.ts',
  'test/scenarios/endpoints-moved.test.ts',
  'test/scenarios/endpoints-restored.sqlite.test.ts',
  'test/scenarios/fresh-clone.test.ts',
  'test/scenarios/full-disk.test.ts',
  'test/scenarios/fuzz-api.test.ts',
  'test/scenarios/gateway-tls.test.ts',
  'test/scenarios/hostile-predictions.test.ts',
  'test/scenarios/hostile-projects.test.ts',
  'test/scenarios/isolation.test.ts',
  'test/scenarios/items.test.ts',
  'test/scenarios/killed-backup.test.ts',
  'test/scenarios/late-rows.test.ts',
  'test/scenarios/low-traffic.test.ts',
  'test/scenarios/malformed.test.ts',
  'test/scenarios/merge-times.test.ts',
  'test/scenarios/messages-kills.sqlite.test.ts',
  'test/scenarios/missing-blobs.sqlite.test.ts',
  'test/scenarios/monitoring-flights.test.ts',
  'test/scenarios/odd-files.test.ts',
  'test/scenarios/onnx-export.test.ts',
  'test/scenarios/owner-only.test.ts',
  'test/scenarios/params.test.ts',
  'test/scenarios/pipeline-params.test.ts',
  'test/scenarios/point-in-time.test.ts',
  'test/scenarios/prune.test.ts',
  'test/scenarios/python-pipeline.test.ts',
  'test/scenarios/registry-govern.test.ts',
  'test/scenarios/registry-polyglots.test.ts',
  'test/scenarios/registry-signing.test.ts',
  'test/scenarios/replicas-endpoints.test.ts',
  'test/scenarios/replicas-steps.test.ts',
  'test/scenarios/reproductions.test.ts',
  'test/scenarios/rollout.test.ts',
  'test/scenarios/schedules.test.ts',
  'test/scenarios/sealed-addresses.sqlite.test.ts',
  'test/scenarios/silent-steps.test.ts',
  'test/scenarios/slow-callers.test.ts',
  'test/scenarios/step-record.test.ts',
  'test/scenarios/studies-kills.sqlite.test.ts',
  'test/scenarios/studies.test.ts',
  'test/scenarios/taken-port.test.ts',
  'test/scenarios/tasks.test.ts',
  'test/scenarios/traces.sqlite.test.ts',
  'test/scenarios/transfer-changes.test.ts',
  'test/scenarios/transfer-refusals.test.ts',
  'test/scenarios/transfer-server.test.ts',
  'test/scenarios/transfer-wandb.test.ts',
  'test/scenarios/transfer.test.ts',
  'test/scenarios/triggers-kills.sqlite.test.ts',
  'test/scenarios/triggers.sqlite.test.ts',
  'test/scenarios/two-faults.test.ts',
  'test/scenarios/unreadable-project.test.ts',
  'test/scenarios/watched-few-rows.test.ts',
  'test/scenarios/watched-searches.test.ts',
  'test/scenarios/watched.test.ts',
  'test/scenarios/webhooks.test.ts',
  'test/scenarios/worst-request.sqlite.test.ts',
  'test/web/asked-gates.test.ts',
  'test/web/confirmed-acts.test.ts',
  'test/web/failures.test.ts',
  'test/web/focus.test.ts',
  'test/web/live-log.test.ts',
  'test/web/refused-acts.test.ts',
  'test/web/run-acts.test.ts',
  'test/web/run-views.test.ts',
  'test/web/start-run.test.ts',
]

/**
 * Stories and suites that are told on both drivers run on SQLite with each change, and with PostgreSQL and S3 in the second part: what
 * is the drivers' own is tested beside them, and a few stories of replicas, pipelines, backups and moving in stay on PostgreSQL.
 */
const ON_POSTGRES = /\.postgres\.test\.ts$/
/** These have no twin on SQLite: what they test is PostgreSQL's own. */
const POSTGRES_ALONE = ['src/auth/', 'src/pipelines/data/kinds/sql.', 'src/pipelines/reproductions/rows.']

/** Whether a test file runs in the second part of the check. */
export function isHeavy(file: string): boolean {
  if (HEAVY.some((folder) => file.startsWith(folder))) return true
  return ON_POSTGRES.test(file) && !POSTGRES_ALONE.some((start) => file.startsWith(start))
}

/**
 * What trains and rolls out first, then whole servers, parts of pages last: a long file that began last would run alone, on one core. Files
 * with browsers are spread among the servers, which wait more than they compute: five browsers at once slow each other threefold.
 */
export function longestFirst(files: readonly string[]): string[] {
  const order = ['test/runners/', 'test/', 'src/']
  const rank = (file: string): number => {
    const at = order.findIndex((folder) => file.startsWith(folder))
    return at === -1 ? order.length : at
  }
  const sorted = files.toSorted((a, b) => rank(a) - rank(b))
  const servers = sorted.filter((file) => rank(file) === 1)
  return [
    ...sorted.filter((file) => rank(file) < 1),
    ...spread(
      servers.filter((file) => file.startsWith('test/web/')),
      servers.filter((file) => !file.startsWith('test/web/')),
    ),
    ...sorted.filter((file) => rank(file) > 1),
  ]
}

/** Both lists in their order, the items of the first as far from each other as can be. */
function spread<T>(few: readonly T[], many: readonly T[]): T[] {
  const [every, from] = [(many.length + 1) / (few.length + 1), many.length]
  const placed = few.map((item, at) => ({ item, place: Math.min(from, every * (at + 1) - 0.5) }))
  return [...many.map((item, place) => ({ item, place })), ...placed]
    .toSorted((a, b) => a.place - b.place)
    .map(({ item }) => item)
}
