/** What a model version comes from and what came of it, as a graph. */
import { z } from 'zod'

/** A node of the lineage graph; `href` is the page or API path of the thing. */
export const LineageNode = z.object({
  id: z.string(),
  kind: z.enum(['dataset', 'step', 'run', 'pipeline_run', 'version', 'endpoint', 'incident']),
  label: z.string(),
  href: z.string().nullable(),
})
export const Lineage = z.object({
  nodes: z.array(LineageNode),
  edges: z.array(z.object({ from: z.string(), to: z.string(), label: z.string() })),
})
