/** The unmodified client of KServe against a gateway of echo models, over HTTP and gRPC. */
import { clientCase } from './client.cases.ts'
import { KSERVE_CLIENT } from './packages.ts'

clientCase({ name: 'kserve', script: 'kserve_client.py', packages: KSERVE_CLIENT, checks: 38 })
