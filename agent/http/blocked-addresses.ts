import { BlockList, isIP } from 'node:net';

/**
 * Link-local networks and the addresses at which clouds hand out a machine's credentials. Loopback
 * and private networks are not here: users fetch their own services.
 */
const blockedIPv4 = [
  ['169.254.0.0', 16], // link-local; AWS, Google, Azure, OpenStack, DigitalOcean, Tencent …
  ['100.100.100.200', 32], // Alibaba
  ['168.63.129.16', 32], // Azure's wire server
  ['192.0.0.192', 32], // Oracle
] as const;

const blockedIPv6 = [
  ['fe80::', 10], // link-local
  ['fd00:ec2::', 32], // AWS: metadata at ::254, credentials of EKS pods at ::23
  ['fd20:ce::254', 128], // Google
  ['fd00:42::42', 128], // Scaleway
  ['fd00:a9fe:a9fe::1', 128], // Akamai (Linode)
  ['fd00:c1::a9fe:a9fe', 128], // Oracle
  ['fd00:100::100:200', 128], // Alibaba
  // Two ways to hide an IPv4 address that cannot be looked through: a translator's own mapping
  // (RFC 8215), and Teredo, which inverts the bits. Nothing is served there; all of it is refused.
  ['64:ff9b:1::', 48],
  ['2001::', 32],
] as const;

const blocked = new BlockList();
for (const [network, prefix] of blockedIPv6) blocked.addSubnet(network, prefix, 'ipv6');
for (const [network, prefix] of blockedIPv4) {
  // This covers IPv4-mapped addresses (::ffff:a.b.c.d) too; the other disguises are not known to BlockList.
  blocked.addSubnet(network, prefix, 'ipv4');
  const groups = hexGroups(network);
  blocked.addSubnet(`::${groups}`, 96 + prefix, 'ipv6'); // IPv4-compatible
  blocked.addSubnet(`::ffff:0:${groups}`, 96 + prefix, 'ipv6'); // IPv4-translated, RFC 7915
  blocked.addSubnet(`64:ff9b::${groups}`, 96 + prefix, 'ipv6'); // NAT64, RFC 6052
  blocked.addSubnet(`2002:${groups}::`, 16 + prefix, 'ipv6'); // 6to4, RFC 3056
}

/** `169.254.0.0` as `a9fe:0000`. */
function hexGroups(ipv4: string): string {
  const hex = ipv4.split('.').map((octet) => Number(octet).toString(16).padStart(2, '0'));
  return `${hex.slice(0, 2).join('')}:${hex.slice(2).join('')}`;
}

/** Whether this IP address is never to be connected to. What is no IP address is. */
export function isBlockedAddress(address: string): boolean {
  const withoutZone = address.replace(/%.*$/s, '');
  switch (isIP(withoutZone)) {
    case 4:
      return blocked.check(withoutZone, 'ipv4');
    case 6:
      return blocked.check(withoutZone, 'ipv6');
    default:
      return true;
  }
}

/** A connection that was not made. */
export class BlockedAddress extends Error {
  override readonly name = 'BlockedAddress';

  constructor(...addresses: string[]) {
    super(`link-local and cloud metadata addresses are never fetched (${addresses.join(', ')})`);
  }
}
