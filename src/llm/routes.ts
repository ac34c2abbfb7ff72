/** Routes about language models: the settings of MLflow's gateway in both wires, virtual keys, budgets and prices. */
import { llmBudgetsApi } from '../contract/llm/budgets.ts'
import { llmKeysApi } from '../contract/llm/keys.ts'
import { llmPricesApi } from '../contract/llm/prices.ts'
import { llmProvidersApi } from '../contract/llm/providers.ts'
import { llmServersApi } from '../contract/llm/servers.ts'
import { problem } from '../contract/errors.ts'
import { mount } from '../http/mount.ts'
import type { Mounted } from '../http/mount.ts'
import { rpcRoutes } from '../mlflow/rpc.ts'
import type { Llm } from './context/context.ts'
import { changeBudget, createBudget, listBudgets, removeBudget } from './keys/budgets.ts'
import { changeKey, createKey, listKeys, removeKey } from './keys/keys.ts'
import { policyCalls } from './keys/policies.ts'
import { listKept, setPrice } from './prices/kept.ts'
import { importPrices } from './prices/litellm.ts'
import { listEndpointStates, listPrices, listProviders } from './route/listing.ts'
import { vendorMeant } from './route/vendor.ts'
import { gatewayCalls } from './settings/calls.ts'
import { deleteEndpoint } from './settings/endpoints.ts'
import { listServers, removeServer } from './shares/servers.ts'
import { changePlainEndpoint, createPlainEndpoint } from './settings/plain-endpoints.ts'
import { createProvider, removeProvider } from './settings/plain-providers.ts'

export function llmRoutes(room: Llm): Mounted[] {
  const all = [
    ...rpcRoutes([...gatewayCalls(room), ...policyCalls(room)]),
    ...settingsRoutes(room),
    ...keyRoutes(room),
    ...budgetRoutes(room),
    ...priceRoutes(room),
    ...serverRoutes(room),
  ]
  return all.map((one) => (one.route.method === 'GET' ? one : settled(room, one)))
}

/** A write is answered once gateways have it. */
function settled(room: Llm, one: Mounted): Mounted {
  return {
    ...one,
    async handle(call) {
      const reply = await one.handle(call)
      await room.settled?.()
      return reply
    },
  }
}

function settingsRoutes(room: Llm): Mounted[] {
  return [
    mount(llmProvidersApi.createLlmProvider, async ({ who, body }) => {
      const { secret_id, project } = await createProvider(room, who, body)
      return made(await listProviders(room, who, { project }), secret_id, 'provider')
    }),
    mount(llmProvidersApi.listLlmProviders, async ({ who, query }) => ({
      items: await listProviders(room, who, query),
    })),
    mount(llmProvidersApi.removeLlmProvider, async ({ who, params }) => {
      await removeProvider(room, who, params.id)
      return {}
    }),
    mount(llmProvidersApi.createLlmEndpoint, async ({ who, body }) => {
      const { endpoint_id, project } = await createPlainEndpoint(room, who, body)
      return made(await listEndpointStates(room, who, { project }), endpoint_id, 'endpoint')
    }),
    mount(llmProvidersApi.listLlmEndpoints, async ({ who, query }) => ({
      items: await listEndpointStates(room, who, query),
    })),
    mount(llmProvidersApi.changeLlmEndpoint, async ({ who, params, body }) => {
      const { endpoint_id, project } = await changePlainEndpoint(room, who, params.id, body)
      return made(await listEndpointStates(room, who, { project }), endpoint_id, 'endpoint')
    }),
    mount(llmProvidersApi.removeLlmEndpoint, async ({ who, params }) => {
      await deleteEndpoint(room, who, params.id)
      return {}
    }),
  ]
}

/** What was made, as it is listed; it may be gone again by then. */
function made<T extends { readonly id: string }>(items: readonly T[], id: string, what: string): T {
  const found = items.find((one) => one.id === id)
  if (found === undefined) throw problem('not_found', { what, id })
  return found
}

function keyRoutes(room: Llm): Mounted[] {
  return [
    mount(llmKeysApi.createLlmKey, ({ who, body }) => createKey(room, who, body)),
    mount(llmKeysApi.listLlmKeys, async ({ who, query }) => ({ items: await listKeys(room, who, query.project) })),
    mount(llmKeysApi.changeLlmKey, ({ who, params, body }) => changeKey(room, who, params.id, body)),
    mount(llmKeysApi.removeLlmKey, async ({ who, params }) => {
      await removeKey(room, who, params.id)
      return {}
    }),
  ]
}

function budgetRoutes(room: Llm): Mounted[] {
  return [
    mount(llmBudgetsApi.createLlmBudget, ({ who, body }) => createBudget(room, who, body)),
    mount(llmBudgetsApi.listLlmBudgets, async ({ who, query }) => ({
      items: await listBudgets(room, who, query.project),
    })),
    mount(llmBudgetsApi.changeLlmBudget, ({ who, params, body }) => changeBudget(room, who, params.id, body)),
    mount(llmBudgetsApi.removeLlmBudget, async ({ who, params }) => {
      await removeBudget(room, who, params.id)
      return {}
    }),
  ]
}

function priceRoutes(room: Llm): Mounted[] {
  return [
    mount(llmPricesApi.listLlmPrices, async ({ who }) => ({ items: await listPrices(room, who) })),
    mount(llmPricesApi.listKeptLlmPrices, async ({ query }) => ({ items: await listKept(room.db, query) })),
    mount(llmPricesApi.setLlmPrice, async ({ who, body }) =>
      setPrice(room, who, { ...body, provider: await vendorMeant(room.db, who, body) }),
    ),
    mount(llmPricesApi.importLlmPrices, ({ who, body }) => importPrices(room, who, body.prices)),
  ]
}

function serverRoutes(room: Llm): Mounted[] {
  return [
    mount(llmServersApi.listLlmServers, async () => ({ items: await listServers(room) })),
    mount(llmServersApi.removeLlmServer, async ({ who, params }) => {
      await removeServer(room, who, params.id)
      return {}
    }),
  ]
}
