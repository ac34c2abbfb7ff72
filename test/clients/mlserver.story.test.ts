/** The unmodified client of MLServer against a gateway of echo models, over HTTP and gRPC. */
import { clientCase } from './client.cases.ts'
import { MLSERVER_CLIENT } from './packages.ts'

clientCase({ name: 'mlserver', script: 'mlserver_client.py', packages: MLSERVER_CLIENT, checks: 16 })
