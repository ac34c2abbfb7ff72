/** Routes of providers and endpoints of language models: the settings of MLflow's gateway in Slipway's own words, with their state. */
import { z } from 'zod'
import { may } from '../access.ts'
import { allOf, byId, done, id, name, time } from '../fields.ts'
import { route } from '../route.ts'
import { LlmOptions } from './options.ts'
import { LlmPrice } from './prices.ts'

const texts = z.record(z.string().min(1).max(128), z.string().max(16_384))
const chosen = z.string().min(1).max(255)
const project = name.optional().describe('default: the project of the token, else `default`')

export const LlmProvider = z.object({
  id,
  name: z.string(),
  project: z.string(),
  provider: z.string().nullable().describe('its vendor or software, as LiteLLM names it'),
  kind: z.enum(['openai', 'anthropic', 'azure', 'gemini', 'bedrock']).nullable().describe('how it is spoken to'),
  base_url: z.string().nullable().describe('where it is called; null = not known'),
  has_key: z.boolean(),
  settings: texts,
  fault: z.string().nullable().describe('why it is not called; null = it is'),
  created_at: time,
  created_by: z.string(),
})
export type LlmProvider = z.output<typeof LlmProvider>

export const NewProvider = z.strictObject({
  name: chosen,
  project,
  provider: z.string().min(1).max(128),
  base_url: z.string().max(2048).optional().describe('default: that of the vendor, where it is known'),
  api_key: z.string().min(1).max(16_384).optional(),
  credentials: texts.optional().describe('credentials that are no API key, such as aws_access_key_id'),
  settings: texts.optional().describe('what is no secret, such as aws_region_name or api_version'),
})
export type NewProvider = z.output<typeof NewProvider>

export const LlmEndpoint = z.object({
  id,
  name: z.string(),
  project: z.string(),
  models: z.array(
    z.object({
      definition: z.string(),
      provider: z.string().nullable().describe('name of the provider that it is called at'),
      vendor: z.string(),
      model: z.string(),
      weight: z.number(),
      fallback: z.number().int().nullable().describe('place among the fallbacks, from 0; null = a primary one'),
      price: LlmPrice.nullable().describe('null = unknown'),
      fault: z.string().nullable().describe('why it is not called; null = it is'),
    }),
  ),
  attempts: z.number().int(),
  routing: LlmOptions.shape.routing.unwrap(),
  cache: LlmOptions.shape.cache.unwrap(),
  guardrails: LlmOptions.shape.guardrails
    .unwrap()
    .describe(
      'in the order in which they look; who may not write endpoints sees of the address of a hook its host alone',
    ),
  experiment: z.string().nullable().describe('the experiment that gets the traces'),
  fault: z.string().nullable().describe('why it is not answered; null = it is'),
  created_at: time,
  created_by: z.string(),
})
export type LlmEndpoint = z.output<typeof LlmEndpoint>

const models = z
  .array(
    z.strictObject({
      provider: chosen.describe('name or id of a provider'),
      model: z.string().min(1).max(255).describe('name at the provider'),
      weight: z.number().min(0).max(1_000_000).optional().describe('share of the calls, default 1'),
      fallback: z
        .number()
        .int()
        .min(0)
        .max(100)
        .optional()
        .describe('place among the fallbacks; absent = a primary one'),
    }),
  )
  .min(1)
  .max(100)
const attempts = z.number().int().min(1).max(100).optional().describe('most calls of providers for one call')
const options = {
  routing: LlmOptions.shape.routing.unwrap().optional().describe('default: weighted'),
  cache: LlmOptions.shape.cache.unwrap().optional().describe('null, which is the default = no cache'),
  guardrails: LlmOptions.shape.guardrails
    .unwrap()
    .optional()
    .describe('in the order in which they look; default: none'),
}

export const EndpointChange = z.strictObject({
  models: models.optional().describe('in place of all that it has'),
  attempts,
  ...options,
  trace: z.boolean().optional().describe('whether calls are traced, in an experiment gateway/NAME'),
})
export type EndpointChange = z.output<typeof EndpointChange>

export const NewEndpoint = z.strictObject({
  name: chosen,
  project,
  models,
  attempts,
  ...options,
  trace: z.boolean().default(true).describe('whether calls are traced, in an experiment gateway/NAME'),
})
export type NewEndpoint = z.output<typeof NewEndpoint>

const READ = may('read', 'cost')
const WRITE = may('write', 'endpoints')
const listed = z.object({ project: name.optional() })

export const llmProvidersApi = {
  createLlmProvider: route({
    method: 'POST',
    path: '/v1/llm/providers',
    summary: 'Name a provider of language models, with its key or without one',
    access: WRITE,
    body: NewProvider,
    reply: LlmProvider,
    errors: ['invalid_field', 'not_found', 'conflict'],
  }),
  listLlmProviders: route({
    method: 'GET',
    path: '/v1/llm/providers',
    summary: 'List providers of language models with their state, without their keys',
    access: READ,
    query: listed,
    reply: allOf(LlmProvider),
  }),
  removeLlmProvider: route({
    method: 'DELETE',
    path: '/v1/llm/providers/:id',
    summary: 'Remove a provider that no endpoint uses',
    access: WRITE,
    params: byId,
    reply: done,
    errors: ['not_found', 'conflict'],
  }),
  createLlmEndpoint: route({
    method: 'POST',
    path: '/v1/llm/endpoints',
    summary: 'Give a name to models of providers, which clients call',
    access: WRITE,
    body: NewEndpoint,
    reply: LlmEndpoint,
    errors: ['invalid_field', 'not_found', 'conflict'],
  }),
  listLlmEndpoints: route({
    method: 'GET',
    path: '/v1/llm/endpoints',
    summary: 'List endpoints of language models with their state and prices',
    access: READ,
    query: listed,
    reply: allOf(LlmEndpoint),
  }),
  changeLlmEndpoint: route({
    method: 'PATCH',
    path: '/v1/llm/endpoints/:id',
    summary: 'Change models, routing, cache or guardrails of an endpoint of language models; what is absent stays',
    access: WRITE,
    params: byId,
    body: EndpointChange,
    reply: LlmEndpoint,
    errors: ['invalid_field', 'not_found', 'conflict'],
  }),
  removeLlmEndpoint: route({
    method: 'DELETE',
    path: '/v1/llm/endpoints/:id',
    summary: 'Remove an endpoint of language models',
    access: WRITE,
    params: byId,
    reply: done,
    errors: ['not_found'],
  }),
}
