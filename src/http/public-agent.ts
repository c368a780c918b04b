// The agents that calls go out by: kept alive, and the public one never connects to a private address.
import { lookup } from 'node:dns'
import { BlockList, isIP, type LookupFunction } from 'node:net'
import { Agent, type Dispatcher } from 'undici'

/** The error code of a connection refused because a public name led to a private address. */
export const privateAddressCode = 'LAVA_PRIVATE_ADDRESS'

export interface Agents {
  /** For providers on the internet: private and link-local addresses refused after DNS (design 5.12). */
  public: Dispatcher
  /** For entries with `allowPrivate`. */
  private: Dispatcher
  /** Breaks off what still runs. */
  destroy(): void
}

const kept = {
  // A limit makes callers of slow streams wait for each other's first byte.
  connections: null,
  // One answer at a time: a slow stream holds nobody else up.
  pipelining: 1,
  allowH2: false,
  // How long an idle connection is kept, unless the provider says; then it is given up a second before the provider does.
  keepAliveTimeout: 60_000,
  keepAliveTimeoutThreshold: 1_000,
} as const

/** @param timeoutMs how long a provider may be silent: while it is connected to, before its answer and amid it. */
export function createAgents(timeoutMs: number): Agents {
  const options = { ...kept, headersTimeout: timeoutMs, bodyTimeout: timeoutMs }
  const open = new Agent({ ...options, connect: { timeout: timeoutMs } })
  const guarded = new Agent({ ...options, connect: { timeout: timeoutMs, lookup: publicLookup } })
  return {
    public: guarded,
    private: open,
    destroy() {
      void guarded.destroy()
      void open.destroy()
    },
  }
}

/** Whether a URL's hostname is, by itself, an address that the public internet does not have. */
export function isPrivateHost(hostname: string): boolean {
  const bare = hostname.replace(/^\[|\]$/g, '').toLowerCase()
  if (bare === 'localhost' || bare.endsWith('.localhost')) return true
  return isIP(bare) !== 0 && isPrivateAddress(bare)
}

export function isPrivateAddress(address: string): boolean {
  return privateRanges.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')
}

// Checked at the connection itself, not before it: a name that answers differently the second time gains nothing.
const publicLookup: LookupFunction = (hostname, options, callback) => {
  lookup(hostname, { ...options, all: true }, (error, addresses) => {
    if (error) {
      callback(error, '', 0)
      return
    }
    const refused = addresses.find(({ address }) => isPrivateAddress(address))
    const [first] = addresses
    if (refused || !first) {
      const reason = Object.assign(new Error(`${hostname} leads to a private address`), { code: privateAddressCode })
      callback(reason, '', 0)
    } else if (options.all) callback(null, addresses)
    else callback(null, first.address, first.family)
  })
}

// IANA's special-purpose registries (RFC 6890), for both families. IPv4-mapped IPv6 is matched by BlockList itself.
const privateRanges = new BlockList()
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
] as const)
  privateRanges.addSubnet(network, prefix, 'ipv4')
for (const [network, prefix] of [
  ['::', 127],
  ['64:ff9b::', 96],
  ['64:ff9b:1::', 48],
  ['100::', 64],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['fc00::', 7],
  ['fe80::', 10],
  ['ff00::', 8],
] as const)
  privateRanges.addSubnet(network, prefix, 'ipv6')
