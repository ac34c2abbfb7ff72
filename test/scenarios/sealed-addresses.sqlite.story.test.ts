/** Addresses of monitors' webhooks lie sealed in SQLite. */
import { sealedAddressCases } from './sealed-addresses.cases.ts'

sealedAddressCases('SQLite')
