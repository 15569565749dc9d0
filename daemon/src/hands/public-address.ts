import ipaddr from 'ipaddr.js'

/**
 * Whether an IP address belongs to a machine of the open Internet. False for loopback, private, link-local, shared, multicast, reserved and documentation
 * ranges, for every form that carries an IPv4 address within IPv6 (mapped, translated, 6to4, Teredo), and for what is no address.
 */
export function isPublicAddress(address: string): boolean {
  if (!ipaddr.isValid(address)) return false
  const parsed = ipaddr.parse(address)
  if (parsed.range() !== 'unicast') return false
  // What no registry names is "unicast" to the library; of IPv6 only 2000::/3 is given out.
  return parsed.kind() === 'ipv4' || parsed.match(globalUnicast, 3)
}

/** Whether a host of a URL is an address, not a name. */
export function isAddress(host: string): boolean {
  return ipaddr.isValid(host)
}

const globalUnicast = ipaddr.parse('2000::')
