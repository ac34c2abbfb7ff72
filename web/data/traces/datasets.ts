/** Evaluation datasets, as MLflow's protocol tells them. */
import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query'
import { ask, send } from '../mlflow.ts'

export interface Dataset {
  readonly dataset_id: string
  readonly name: string
  readonly digest?: string
  readonly created_by?: string
  readonly created_time: number
  readonly last_update_time: number
  /** JSON. */
  readonly tags?: string
  /** JSON; `num_records` is the number of its records. */
  readonly profile?: string
}

export interface DatasetRecord {
  readonly dataset_record_id: string
  readonly inputs: unknown
  readonly expectations?: unknown
  readonly source_type?: string
  readonly created_by?: string
}

const LISTED = 1000
const PAGE = 100

export const datasets = queryOptions({
  queryKey: ['runs', 'datasets'],
  queryFn: async () => {
    const found = await send<{ datasets?: readonly Dataset[] }>('3.0/datasets/search', { max_results: LISTED })
    return { items: found.datasets ?? [] }
  },
})

export const dataset = (id: string) =>
  queryOptions({
    queryKey: ['runs', 'dataset', id],
    queryFn: async ({ signal }) => (await ask<{ dataset: Dataset }>(`3.0/datasets/${id}`, {}, signal)).dataset,
  })

export const datasetRecords = (id: string) =>
  infiniteQueryOptions({
    queryKey: ['runs', 'dataset-records', id],
    initialPageParam: '',
    queryFn: async ({ signal, pageParam }) => {
      const query = { max_results: String(PAGE), ...(pageParam !== '' && { page_token: pageParam }) }
      const page = await ask<{ records?: string; next_page_token?: string }>(
        `3.0/datasets/${id}/records`,
        query,
        signal,
      )
      return {
        items: JSON.parse(page.records ?? '[]') as readonly DatasetRecord[],
        next_page_token: page.next_page_token,
      }
    },
    // the last page may have an empty token
    getNextPageParam: (last) => (last.next_page_token === '' ? undefined : last.next_page_token),
  })

/** The object that a text of JSON holds; anything else, broken JSON too, is an empty one. */
export function parseRecord(text: string | undefined): Readonly<Record<string, unknown>> {
  const value = parsed(text ?? '')
  const isRecord = typeof value === 'object' && value !== null && !Array.isArray(value)
  return isRecord ? (value as Readonly<Record<string, unknown>>) : {}
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
