/** MLflow's calls about the settings of its gateway for language models. */
import { done } from '../../mlflow/fields.ts'
import { bool, double, int, list, need, object, oneOf, text, texts } from '../../mlflow/input.ts'
import type { Llm } from '../context/context.ts'
import { callsOf } from '../../mlflow/rpc.ts'
import type { Rpc } from '../../mlflow/rpc.ts'
import { createDefinition, deleteDefinition, getDefinition, listDefinitions, updateDefinition } from './definitions.ts'
import {
  attachModel,
  createEndpoint,
  deleteEndpoint,
  detachModel,
  getEndpoint,
  listEndpoints,
  updateEndpoint,
} from './endpoints.ts'
import { bindEndpoint, deleteEndpointTag, listBindings, setEndpointTag, unbindEndpoint } from './links.ts'
import { knownModels, knownProviders, providerConfig } from './providers.ts'
import { createSecret, deleteSecret, getSecret, listSecrets, updateSecret } from './secrets.ts'

const { read, write } = callsOf('endpoints', '3.0')
/** What a project has is not told to its programs: a key in an app is one of them. */
const { read: look } = callsOf('cost', '3.0')

const LINKAGES = { PRIMARY: 1, FALLBACK: 2 } as const
const ROUTINGS = { REQUEST_BASED_TRAFFIC_SPLIT: 1 } as const
const STRATEGIES = { SEQUENTIAL: 1 } as const

const id = () => need(text())
const model = {
  model_definition_id: id(),
  linkage_type: oneOf(LINKAGES),
  weight: double(),
  fallback_order: int(),
}
const endpoint = {
  model_configs: list(need(object(model))),
  routing_strategy: oneOf(ROUTINGS),
  fallback_config: object({ strategy: oneOf(STRATEGIES), max_attempts: int() }),
  experiment_id: text({ number: true }),
  usage_tracking: bool(),
}

export function gatewayCalls(room: Llm): Rpc[] {
  return [
    ...providerCalls(room),
    ...secretCalls(room),
    ...definitionCalls(room),
    ...endpointCalls(room),
    ...linkCalls(room),
  ]
}

function providerCalls(room: Llm): Rpc[] {
  return [
    read.get('gateway/supported-providers', 'Providers of language models whose credentials are known', {
      fields: {},
      handle: () => Promise.resolve({ providers: knownProviders() }),
    }),
    read.get('gateway/supported-models', 'Models of providers, with their prices where they are known', {
      fields: { provider: text() },
      handle: (given) => Promise.resolve({ models: knownModels(room.clock(), given.provider) }),
    }),
    read.get('gateway/provider-config', 'What credentials and settings a provider asks for', {
      fields: { provider: id() },
      handle: (given) => Promise.resolve(providerConfig(given.provider)),
    }),
  ]
}

function secretCalls(room: Llm): Rpc[] {
  return [
    write.post('gateway/secrets/create', 'Keep a secret of a provider of language models', {
      fields: { secret_name: id(), secret_value: need(texts()), provider: text(), auth_config: texts() },
      handle: async (given, who) => ({ secret: await createSecret(room, who, given) }),
    }),
    write.post('gateway/secrets/update', 'Set a secret anew', {
      fields: { secret_id: id(), secret_value: texts(), auth_config: texts() },
      handle: async (given, who) => ({ secret: await updateSecret(room, who, given) }),
    }),
    write.get('gateway/secrets/get', 'What may be told of a secret, its values masked', {
      fields: { secret_id: text(), secret_name: text() },
      handle: async (given, who) => ({
        secret: await getSecret(room, who, { id: given.secret_id, name: given.secret_name }),
      }),
    }),
    write.get('gateway/secrets/list', 'What may be told of all secrets, their values masked', {
      fields: { provider: text() },
      handle: async (given, who) => ({ secrets: await listSecrets(room, who, given.provider) }),
    }),
    read.get('gateway/secrets/config', 'Whether secrets can be kept', {
      fields: {},
      handle: () => Promise.resolve({ secrets_available: room.seal !== undefined, using_default_passphrase: false }),
    }),
    write.delete('gateway/secrets/delete', 'Delete a secret', {
      fields: { secret_id: id() },
      handle: (given, who) => done(deleteSecret(room, who, given.secret_id)),
    }),
  ]
}

function definitionCalls(room: Llm): Rpc[] {
  return [
    write.post('gateway/model-definitions/create', 'Define a model of a provider', {
      fields: { name: id(), secret_id: id(), provider: id(), model_name: id() },
      handle: async (given, who) => ({ model_definition: await createDefinition(room, who, given) }),
    }),
    write.post('gateway/model-definitions/update', 'Change the definition of a model', {
      fields: { model_definition_id: id(), name: text(), secret_id: text(), provider: text(), model_name: text() },
      handle: async (given, who) => ({ model_definition: await updateDefinition(room, who, given) }),
    }),
    look.get('gateway/model-definitions/get', 'Get the definition of a model', {
      fields: { model_definition_id: id() },
      handle: async (given, who) => ({ model_definition: await getDefinition(room, who, given.model_definition_id) }),
    }),
    look.get('gateway/model-definitions/list', 'List definitions of models', {
      fields: { provider: text(), secret_id: text() },
      handle: async (given, who) => ({ model_definitions: await listDefinitions(room, who, given) }),
    }),
    write.delete('gateway/model-definitions/delete', 'Delete a definition that no endpoint uses', {
      fields: { model_definition_id: id() },
      handle: (given, who) => done(deleteDefinition(room, who, given.model_definition_id)),
    }),
  ]
}

function endpointCalls(room: Llm): Rpc[] {
  return [
    write.post('gateway/endpoints/create', 'Make an endpoint of language models', {
      fields: { name: id(), ...endpoint },
      handle: async (given, who) => ({ endpoint: await createEndpoint(room, who, given) }),
    }),
    write.post('gateway/endpoints/update', 'Change an endpoint of language models', {
      fields: { endpoint_id: id(), name: text(), ...endpoint },
      handle: async (given, who) => ({ endpoint: await updateEndpoint(room, who, given) }),
    }),
    look.get('gateway/endpoints/get', 'Get an endpoint of language models', {
      fields: { endpoint_id: text(), name: text() },
      handle: async (given, who) => ({
        endpoint: await getEndpoint(room, who, { id: given.endpoint_id, name: given.name }),
      }),
    }),
    look.get('gateway/endpoints/list', 'List endpoints of language models', {
      fields: { provider: text(), secret_id: text() },
      handle: async (given, who) => ({ endpoints: await listEndpoints(room, who, given) }),
    }),
    write.delete('gateway/endpoints/delete', 'Delete an endpoint of language models', {
      fields: { endpoint_id: id() },
      handle: (given, who) => done(deleteEndpoint(room, who, given.endpoint_id)),
    }),
    write.post('gateway/endpoints/models/attach', 'Add a model to an endpoint', {
      fields: { endpoint_id: id(), model_config: need(object(model)) },
      handle: async (given, who) => ({ mapping: await attachModel(room, who, given.endpoint_id, given.model_config) }),
    }),
    write.post('gateway/endpoints/models/detach', 'Take a model from an endpoint', {
      fields: { endpoint_id: id(), model_definition_id: id() },
      handle: (given, who) => done(detachModel(room, who, given.endpoint_id, given.model_definition_id)),
    }),
  ]
}

function linkCalls(room: Llm): Rpc[] {
  const binding = { endpoint_id: id(), resource_type: id(), resource_id: id() }
  return [
    write.post('gateway/endpoints/bindings/create', 'Say that something uses an endpoint', {
      fields: binding,
      handle: async (given, who) => ({ binding: await bindEndpoint(room, who, given) }),
    }),
    write.delete('gateway/endpoints/bindings/delete', 'Say that something no longer uses an endpoint', {
      fields: binding,
      handle: (given, who) => done(unbindEndpoint(room, who, given)),
    }),
    look.get('gateway/endpoints/bindings/list', 'List what uses endpoints', {
      fields: { endpoint_id: text(), resource_type: text(), resource_id: text() },
      handle: async (given, who) => ({ bindings: await listBindings(room, who, given) }),
    }),
    write.post('gateway/endpoints/set-tag', 'Set a tag of an endpoint of language models', {
      fields: { endpoint_id: id(), key: id(), value: text() },
      handle: (given, who) => done(setEndpointTag(room, who, { ...given, value: given.value ?? '' })),
    }),
    write.delete('gateway/endpoints/delete-tag', 'Remove a tag of an endpoint of language models', {
      fields: { endpoint_id: id(), key: id() },
      handle: (given, who) => done(deleteEndpointTag(room, who, given)),
    }),
  ]
}
