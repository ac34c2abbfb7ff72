/** `slipway image diff A B`: which layer changed, which package in it, which files; 0 when nothing did, 1 when something did. */
import { difference } from '../../images/compare/difference.ts'
import type { Difference, LayerChange, PackageChange } from '../../images/compare/difference.ts'
import { UsageError } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'
import { openImage, openReference } from './opened.ts'
import { platformsOf } from './maker.ts'

/** Files of a kind that are named; of more only the number is told. */
const NAMED = 10

export async function diff(invocation: Invocation): Promise<number> {
  const [, first, second] = invocation.args
  if (first === undefined || second === undefined)
    throw new UsageError('image diff needs two images: slipway image diff layout:old layout:new')
  const [platform = { os: 'linux', architecture: 'amd64' }] = platformsOf(invocation)
  const a = await openImage(await openReference(first), platform)
  const b = await openImage(await openReference(second), platform)
  const found = await difference(a, b)
  invocation.out.data({ a: a.digest, b: b.digest, ...found })
  print(invocation, found)
  return found.same ? 0 : 1
}

function print({ out }: Invocation, { same, same_layers, layers, settings }: Difference): void {
  if (same) out.line('the images are the same')
  else out.line(`${layers.length} of the layers differ, ${same_layers} are the same`)
  for (const layer of layers) printLayer(out, layer)
  for (const one of settings) out.line(`setting ${told(one)}`)
}

function printLayer(out: Invocation['out'], { layer, packages, added, removed, changed }: LayerChange): void {
  out.line(`${layer}:`)
  for (const one of packages) out.line(`  package ${told(one)}`)
  for (const [word, names] of [
    ['added', added],
    ['removed', removed],
    ['changed', changed],
  ] as const) {
    for (const name of names.slice(0, NAMED)) out.line(`  ${word} ${name}`)
    if (names.length > NAMED) out.line(`  ${word} ${names.length - NAMED} files more`)
  }
}

function told({ name, before, after }: PackageChange): string {
  if (before === null) return `${name} came: ${after}`
  return after === null ? `${name} went: it was ${before}` : `${name}: ${before} -> ${after}`
}
