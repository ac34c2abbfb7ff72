/** Params that name a model by alias are pinned to the version that the alias names now, so that a run's inputs do not move under it. */
import type { PipelineSpec } from './spec.ts'

/** The version that an alias names; undefined when it names none. */
export type AliasVersion = (model: string, alias: string) => Promise<string | undefined>

export type Params = Readonly<Record<string, Readonly<Record<string, unknown>>>>

const BY_ALIAS = /^models:\/([^/@]+)@([^/@]+)$/

/**
 * The given params, and those of the spec's own that name `models:/NAME@ALIAS`, with `models:/NAME/VERSION` in its place; an empty
 * text where the alias names nothing yet. The cache key then changes when the alias has moved.
 */
export async function pinAliases(spec: PipelineSpec, given: Params, version: AliasVersion): Promise<Params> {
  const pinned: Record<string, Record<string, unknown>> = {}
  for (const step of spec.steps) {
    const own = { ...given[step.name] }
    for (const [param, value] of Object.entries({ ...step.params, ...own })) {
      const named = typeof value === 'string' ? BY_ALIAS.exec(value) : null
      if (named?.[1] === undefined || named[2] === undefined) continue
      const found = await version(named[1], named[2])
      own[param] = found === undefined ? '' : `models:/${named[1]}/${found}`
    }
    if (Object.keys(own).length > 0) pinned[step.name] = own
  }
  return pinned
}

/** Whether all of a run's params are what the aliases of the spec named when it began: nobody gave it any of its own. */
export function isPinned({ steps }: Pick<PipelineSpec, 'steps'>, params: Params): boolean {
  return Object.entries(params).every(([name, own]) => {
    const declared = steps.find((step) => step.name === name)?.params ?? {}
    return Object.entries(own).every(([param, value]) => {
      const alias = declared[param]
      const [, model] = (typeof alias === 'string' ? BY_ALIAS.exec(alias) : null) ?? []
      return model !== undefined && (value === '' || String(value).startsWith(`models:/${model}/`))
    })
  })
}
