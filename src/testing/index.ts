// lava-gateway/testing: what ships for the tests of hosts.
export { storageConformance, type ConformanceCase, type ConformanceSubject } from './conformance.ts'
export {
  mockProvider,
  type Behaviour,
  type MockCall,
  type MockProvider,
  type MockProviderOptions,
} from './mock-provider.ts'
