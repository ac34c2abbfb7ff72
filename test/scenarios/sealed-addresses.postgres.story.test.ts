/** Addresses of monitors' webhooks lie sealed in PostgreSQL. */
import { sealedAddressCases } from './sealed-addresses.cases.ts'

sealedAddressCases('PostgreSQL')
