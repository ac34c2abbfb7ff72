/** Starts the web UI: the theme, the cache of what was read, the router. */
import { MutationCache, QueryCache, QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { RouterProvider } from '@tanstack/react-router'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { isLoggedOut, isTransient } from './data/api.ts'
import { makeRouter } from './routes.tsx'
import './style.css'
import { setTheme, storedTheme } from './data/theme.ts'

const TRIES = 2

setTheme(storedTheme())

const onError = (error: unknown): void => {
  // what else was asked for is refused a moment later, when the login is already shown
  if (!isLoggedOut(error) || location.pathname === '/login') return
  void router.navigate({ to: '/login', search: { back: location.pathname + location.search } })
}
const queries = new QueryClient({
  queryCache: new QueryCache({ onError }),
  mutationCache: new MutationCache({ onError }),
  defaultOptions: {
    queries: {
      staleTime: 5000,
      retry: (tries, error) => tries < TRIES && isTransient(error),
      refetchOnWindowFocus: false,
    },
  },
})
const router = makeRouter(queries)

const root = document.querySelector('#root')
if (root === null) throw new Error('index.html has no element "root"')
createRoot(root).render(
  <StrictMode>
    <QueryClientProvider client={queries}>
      <RouterProvider router={router} />
    </QueryClientProvider>
  </StrictMode>,
)
