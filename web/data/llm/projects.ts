/** Projects that the forms of language models may be of: those that their pages show. */
import { useQuery } from '@tanstack/react-query'
import * as read from '../queries.ts'
import { llmBudgets, llmEndpoints, llmKeys, llmProviders } from './queries.ts'

export interface FormProjects {
  /** The project that a form begins with: the one that all things are of that the page shows, else that of who looks. */
  readonly first: string
  /** Those that are offered; empty for who may make things in one alone. */
  readonly offered: readonly string[]
}

/** As far as they are read. */
export function useFormProjects(): FormProjects {
  const { data: me } = useQuery(read.me)
  const lists = [useQuery(llmKeys), useQuery(llmBudgets), useQuery(llmEndpoints), useQuery(llmProviders)]
  return formProjects(
    me?.project ?? null,
    lists.flatMap(({ data }) => data?.items.map(({ project }) => project) ?? []),
  )
}

/** `own`: the only project of who looks; null = there is none such. `shown`: those of the things on the page. */
export function formProjects(own: string | null, shown: readonly string[]): FormProjects {
  if (own !== null) return { first: own, offered: [] }
  const names = [...new Set(shown)].toSorted()
  const [only, other] = names
  const first = only !== undefined && other === undefined ? only : 'default'
  return { first, offered: names.includes(first) ? names : [first, ...names] }
}
