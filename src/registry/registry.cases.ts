/** What the registry must do on every database; each driver's test file runs these cases on a fresh one. */
import { after, before, describe } from 'node:test'
import type { Db } from '../store/db.ts'
import type { Tracking } from '../tracking/context/context.ts'
import { environmentCases } from './environments/promotions.cases.ts'
import { askedGatesCases } from './gates/asked.cases.ts'
import { depthCases } from './gates/depth.cases.ts'
import { loweringCases } from './lowering/lowering.cases.ts'
import { aliasedCases } from './aliases/aliased.cases.ts'
import { attestationCases } from './signing/attestations.cases.ts'
import { promotionCases } from './aliases/promotion.cases.ts'
import type { Registry } from './context/context.ts'
import { openRegistry } from './opened.fixture.ts'
import type { Opened } from './opened.fixture.ts'
import { deploymentCases } from './versions/deployments.cases.ts'
import { wireCases } from './wire/wire.cases.ts'

export function registryCases(name: string, open: () => Promise<{ db: Db; close(): Promise<void> }>): void {
  describe(`${name}: registry`, () => {
    let opened: Opened
    const bench = { room: undefined as unknown as Registry, tracking: undefined as unknown as Tracking, wait }
    before(async () => {
      opened = await openRegistry(open)
      Object.assign(bench, { room: opened.bench.room, tracking: opened.bench.tracking })
    })
    after(() => opened.close())
    function wait(ms: number): void {
      opened.bench.wait(ms)
    }
    promotionCases(bench)
    wireCases(bench)
    depthCases(bench)
    askedGatesCases(bench)
    environmentCases(bench)
    loweringCases(bench)
    deploymentCases(bench)
    // last: the first case of lowering has to do all versions that were made before it
    aliasedCases(bench)
    attestationCases(bench)
  })
}
