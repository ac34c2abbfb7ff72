/** Which project the pages of features are of, and which others there may be. */
import { useQuery } from '@tanstack/react-query'
import * as read from '../queries.ts'
import { featureProjects } from './queries.ts'

export interface ChosenProject {
  /** As the address names it; absent = that of who looks, else `default`. */
  readonly given: string | undefined
  /** Its name, as far as it is known who looks. */
  readonly name: string
  /** Others that have features; empty for who sees one project alone. */
  readonly others: readonly string[]
}

/** The name of the project that the address gives, or of that which it leaves to who looks. */
export function useProjectName(given: string | undefined): string {
  const { data: me } = useQuery(read.me)
  return given ?? me?.project ?? 'default'
}

/** The project of the address, by `given`. */
export function useProject(given: string | undefined): ChosenProject {
  const { data: me } = useQuery(read.me)
  const enabled = me?.project === null
  const projects = useQuery({ ...featureProjects, enabled })
  const name = useProjectName(given)
  const others = (projects.data?.items ?? []).map(({ project }) => project).filter((one) => one !== name)
  return { given, name, others }
}
