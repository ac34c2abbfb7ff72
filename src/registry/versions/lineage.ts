/** Lineage of a version: from the digests of its data through run and step to the endpoints that answer with it. */
import type { Lineage } from '../../contract/models/lineage.ts'
import type { z } from 'zod'
import { requireVersion } from '../context/context.ts'
import type { Registry, VersionRow } from '../context/context.ts'

type Graph = z.output<typeof Lineage>

/** What rooms below know of a version: endpoints, incidents. */
export type LineageSource = (version: VersionRow) => Promise<Graph>

/** The graph of one version; each source adds what it knows. */
export async function lineage(
  room: Registry,
  sources: readonly LineageSource[],
  name: string,
  version: string,
): Promise<Graph> {
  const row = await requireVersion(room.db, name, version)
  const graph = own(row)
  for (const part of await Promise.all(sources.map((source) => source(row)))) {
    graph.nodes.push(...part.nodes)
    graph.edges.push(...part.edges)
  }
  const seen = new Set<string>()
  return { nodes: graph.nodes.filter((node) => !seen.has(node.id) && seen.add(node.id)), edges: graph.edges }
}

/** The id of a version's own node. */
export function versionNode(row: Pick<VersionRow, 'model' | 'version'>): string {
  return `version:${row.model}/${row.version}`
}

function own(row: VersionRow): Graph {
  const self = versionNode(row)
  const graph: Graph = {
    nodes: [
      {
        id: self,
        kind: 'version',
        label: `${row.model} ${row.version}`,
        href: `/models/${encodeURIComponent(row.model)}/versions/${row.version}`,
      },
    ],
    edges: [],
  }
  const maker = row.pipeline_run_id === null ? undefined : `pipeline_run:${row.pipeline_run_id}`
  if (maker !== undefined) {
    graph.nodes.push({
      id: maker,
      kind: 'pipeline_run',
      label: row.pipeline_run_id ?? '',
      href: `/pipelines/${row.pipeline_run_id}`,
    })
    graph.edges.push({ from: maker, to: self, label: 'registered' })
  }
  if (row.run_id !== null) {
    const run = `run:${row.run_id}`
    graph.nodes.push({ id: run, kind: 'run', label: row.run_id.slice(0, 8), href: `/runs/${row.run_id}` })
    graph.edges.push({ from: run, to: maker ?? self, label: 'logged' })
  }
  for (const digest of JSON.parse(row.data) as string[]) {
    const data = `dataset:${digest}`
    graph.nodes.push({ id: data, kind: 'dataset', label: digest.slice(0, 19), href: null })
    graph.edges.push({ from: data, to: maker ?? self, label: 'read' })
  }
  return graph
}
