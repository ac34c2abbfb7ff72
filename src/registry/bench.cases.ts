/** What the registry's cases work with: both rooms on one database, people, and short ways to make models. */
import { Readable } from 'node:stream'
import type { Principal, Role } from '../contract/access.ts'
import type { Gate } from '../contract/registry.ts'
import { putManifest } from '../store/blobs/trees.ts'
import { putArtifact } from '../tracking/artifacts/artifacts.ts'
import { createLoggedModel } from '../tracking/models/logged-models.ts'
import type { Tracking } from '../tracking/context/context.ts'
import { createRun } from '../tracking/runs/runs.ts'
import type { NewVersion } from './versions/register.ts'
import type { Registry } from './context/context.ts'

export interface Bench {
  readonly room: Registry
  readonly tracking: Tracking
  /** Lets time pass. */
  wait(ms: number): void
}

export const root = person('admin', null)

/** A principal of a role, of all projects or one. */
export function person(role: Role, project: string | null): Principal {
  return { id: `${role}-${project}`, name: role, role, project, token_id: null }
}

/** The digest of a model folder with a signature; `extra` makes it another one. */
export async function modelTree({ room }: Bench, extra = ''): Promise<string> {
  const inputs = JSON.stringify([{ name: 'x', type: 'double', required: true }])
  const outputs = JSON.stringify([{ type: 'double' }])
  const text = `flavors: {}\nextra: "${extra}"\nsignature:\n  inputs: '${inputs}'\n  outputs: '${outputs}'\n`
  const { digest, size } = await room.blobs.put(Buffer.from(text))
  return (await putManifest(room.blobs, [{ path: 'MLmodel', digest, size, executable: false }])).digest
}

/** A version as a pipeline registers it. */
export async function wanted(
  bench: Bench,
  given: { model: string; auc?: number; gates?: readonly Gate[]; pipeline?: string },
): Promise<NewVersion> {
  return {
    project: 'default',
    model: given.model,
    tree: await modelTree(bench, `${given.model} ${given.auc ?? 0.8}`),
    run_id: null,
    pipeline_run_id: given.pipeline ?? null,
    metrics: { auc: given.auc ?? 0.8 },
    data: ['sha256:d1'],
    environment: null,
    evaluation: null,
    holdout: null,
    reference: null,
    gates: given.gates ?? [],
    deployment: null,
  }
}

/** A run with a model folder in its artifacts. */
export async function runWithModel(bench: Bench, who: Principal = root): Promise<{ run: string; uri: string }> {
  const row = await createRun(bench.tracking, who, { experiment_id: '0', tags: [] })
  const owner = row.artifact_uri.replace('mlflow-artifacts:/', '')
  await putArtifact(bench.tracking, who, `${owner}/model/MLmodel`, Readable.from([Buffer.from('flavors: {}\n')]))
  await putArtifact(bench.tracking, who, `${owner}/model/model.pkl`, Readable.from([Buffer.from('weights')]))
  return { run: row.run_id, uri: row.artifact_uri }
}

/** A logged model with files. */
export async function loggedModel(bench: Bench, run: string): Promise<{ id: string; uri: string }> {
  const made = await createLoggedModel(bench.tracking, root, { experiment_id: '0', name: 'clf', source_run_id: run })
  const uri = String(made.info['artifact_uri'])
  const path = `${uri.replace('mlflow-artifacts:/', '')}/MLmodel`
  await putArtifact(bench.tracking, root, path, Readable.from([Buffer.from('flavors: {}\n')]))
  return { id: String(made.info['model_id']), uri }
}
