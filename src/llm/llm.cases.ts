/** What the llm room must do on every database. */
import type { Db } from '../store/db.ts'
import { describeTracking } from '../tracking/suites.cases.ts'
import { expiryCases } from './expiry/expiry.cases.ts'
import { healthCases } from './health/health.cases.ts'
import { keyCases } from './keys/keys.cases.ts'
import { priceCases } from './prices/kept.cases.ts'
import { routeCases } from './route/route.cases.ts'
import { llmRemovalCases } from './removal.cases.ts'
import { alertCases } from './calls/alerts.cases.ts'
import { shareCases } from './shares/shares.cases.ts'
import { stateCases } from './state/state.cases.ts'
import { definitionCases } from './settings/definitions.cases.ts'
import { endpointCases } from './settings/endpoints.cases.ts'
import { gatewayCases } from './settings/gateway.cases.ts'
import { linkCases } from './settings/links.cases.ts'
import { optionCases } from './settings/options.cases.ts'
import { secretCases } from './settings/secrets.cases.ts'

export function llmCases(name: string, open: () => Promise<{ db: Db; close(): Promise<void> }>): void {
  const settings = [gatewayCases, secretCases, definitionCases, endpointCases, linkCases]
  const money = [keyCases, expiryCases, priceCases, shareCases, stateCases, alertCases]
  describeTracking(`${name}: llm`, open, [...settings, ...money, routeCases, optionCases, healthCases, llmRemovalCases])
}
