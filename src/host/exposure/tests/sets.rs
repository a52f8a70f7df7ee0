//! Rule sets for the namespaces: scripts for the real tools.

/// A name, the script, and how many of 24 answers (6 ports, TCP and UDP, IPv4 and IPv6) are not told at most.
pub(super) type Case = (&'static str, &'static str, usize);

pub(super) const IPTABLES: [Case; 17] = [
    ("nothing", "true", 0),
    (
        "the usual server",
        "iptables -P INPUT DROP
         iptables -A INPUT -i lo -j ACCEPT
         iptables -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
         iptables -A INPUT -p icmp -j ACCEPT
         iptables -A INPUT -p tcp --dport 22 -m comment --comment 'it is \"open\"' -j ACCEPT
         iptables -A INPUT -p udp -m udp --dport 443 -j ACCEPT",
        0,
    ),
    (
        "sources",
        "iptables -P INPUT DROP
         iptables -A INPUT -s 10.77.1.3 -p tcp --dport 22 -j DROP
         iptables -A INPUT -s 10.77.1.0/24 -p tcp --dport 22 -j ACCEPT
         iptables -A INPUT ! -s 10.77.1.0/24 -p tcp --dport 80 -j ACCEPT
         iptables -A INPUT -m iprange --src-range 10.77.1.3-10.77.2.9 -j ACCEPT",
        0,
    ),
    (
        "interfaces",
        "iptables -A INPUT -i eth1 -p tcp --dport 22 -j REJECT
         iptables -A INPUT ! -i eth1 -p tcp --dport 80 -j REJECT
         iptables -A INPUT -i eth+ -p tcp --dport 443 -j DROP
         iptables -A INPUT -s 10.77.1.2 -i eth0 -p udp -j DROP
         ip6tables -A INPUT -i eth1 -j ACCEPT
         ip6tables -A INPUT -p tcp -j REJECT --reject-with tcp-reset",
        0,
    ),
    (
        "many ports",
        "iptables -A INPUT -p tcp -m multiport --dports 22,80:443 -j ACCEPT
         iptables -A INPUT -p tcp -m tcp ! --dport 9000:9010 -j DROP
         iptables -A INPUT -p udp -m multiport ! --dports 22,8000 -j DROP",
        0,
    ),
    (
        "chains, return and goto",
        "iptables -N web; iptables -N last; iptables -N unused
         iptables -A web -s 10.77.2.0/24 -j RETURN
         iptables -A web -p tcp --dport 80 -j ACCEPT
         iptables -A web -j DROP
         iptables -A last -p tcp --dport 443 -j ACCEPT
         iptables -A last -j RETURN
         iptables -P INPUT DROP
         iptables -A INPUT -p tcp -j LOG
         iptables -A INPUT -p tcp -m multiport --dports 80,8000 -j web
         iptables -A INPUT -p tcp --dport 5432 -s 10.77.2.2 -j ACCEPT
         iptables -A INPUT -p tcp -g last
         iptables -A INPUT -p tcp --dport 22 -j ACCEPT
         iptables -A INPUT -p udp -j ACCEPT",
        0,
    ),
    (
        "IPv6 alone",
        "ip6tables -P INPUT DROP
         ip6tables -A INPUT -p ipv6-icmp -j ACCEPT
         ip6tables -A INPUT -s fd77:1::/64 -p tcp --dport 22 -j ACCEPT
         ip6tables -A INPUT -s 2000::/3 -p tcp --dport 80 -j ACCEPT
         ip6tables -A INPUT -p tcp --dport 443 -j ACCEPT",
        0,
    ),
    (
        "dropped before it is tracked",
        "iptables -t raw -A PREROUTING -p tcp --dport 22 -j DROP
         iptables -t mangle -A INPUT -s 10.77.1.3 -p tcp --dport 80 -j DROP
         iptables -t mangle -A PREROUTING -p udp --dport 443 -j DROP
         iptables -A INPUT -p tcp --dport 22 -j ACCEPT",
        0,
    ),
    (
        "the older kind",
        "iptables-legacy -A INPUT -p tcp --dport 22 -j DROP
         iptables-legacy -A INPUT -s 10.77.1.0/24 -p tcp --dport 80 -j DROP
         ip6tables-legacy -P INPUT DROP
         ip6tables-legacy -A INPUT -p ipv6-icmp -j ACCEPT
         iptables -A INPUT -p tcp --dport 443 -j DROP",
        0,
    ),
    (
        "states and flags",
        "iptables -A INPUT -m state --state ESTABLISHED -j ACCEPT
         iptables -A INPUT -p tcp -m tcp --dport 22 ! --syn -j ACCEPT
         iptables -A INPUT -p tcp --dport 22 -m conntrack ! --ctstate NEW -j ACCEPT
         iptables -A INPUT -p tcp --dport 22 -j DROP
         iptables -A INPUT -p tcp --dport 80 --syn -j DROP
         iptables -A INPUT -p udp --dport 80 -m state --state NEW -j DROP
         iptables -A INPUT -m conntrack --ctstate INVALID -j DROP
         iptables -A INPUT -f -j DROP",
        0,
    ),
    (
        "rates",
        "iptables -A INPUT -p tcp --dport 22 -m recent --update --seconds 60 --hitcount 20 --name x -j DROP
         iptables -A INPUT -p tcp --dport 22 -m recent --set --name x -j ACCEPT
         iptables -A INPUT -p tcp --dport 80 -m limit --limit 50/sec --limit-burst 50 -j ACCEPT
         iptables -A INPUT -p tcp --dport 443 -m hashlimit --hashlimit-above 50/sec --hashlimit-burst 200 --hashlimit-name y -j DROP
         iptables -A INPUT -p tcp --dport 8000 -m connlimit --connlimit-above 50 -j REJECT
         iptables -A INPUT -p tcp -m multiport --dports 22,80 -j DROP",
        0,
    ),
    (
        "not understood",
        "iptables -A INPUT -p tcp --dport 22 -m string --string evil --algo bm -j DROP
         iptables -A INPUT -p tcp --dport 80 -m string --string evil --algo bm -j DROP
         iptables -A INPUT -p tcp --dport 80 -j DROP
         iptables -A INPUT -p tcp --dport 443 -m length --length 1:2000 -j ACCEPT",
        1,
    ),
    (
        "another port leads there",
        "iptables -t nat -A PREROUTING -p tcp --dport 8081 -j REDIRECT --to-ports 8000
         iptables -t nat -A PREROUTING -p tcp --dport 443 -j REDIRECT --to-ports 8000
         iptables -A INPUT -p tcp --dport 443 -j DROP
         iptables -A INPUT -p tcp --dport 80 -j DROP",
        0,
    ),
    (
        "by address",
        "iptables -P INPUT DROP
         iptables -A INPUT -d 10.77.1.1 -p tcp --dport 22 -j ACCEPT
         iptables -A INPUT -d 10.77.9.9 -p tcp --dport 80 -j ACCEPT
         iptables -A INPUT ! -d 10.77.1.1 -s 10.77.2.2 -p tcp --dport 443 -j ACCEPT
         iptables -A INPUT -m addrtype --dst-type BROADCAST -j ACCEPT
         iptables -A INPUT -m addrtype --dst-type LOCAL -p tcp --dport 8000 -j ACCEPT",
        0,
    ),
    (
        "marks",
        "iptables -t mangle -A PREROUTING -p tcp --dport 80 -j MARK --set-mark 0x8000
         iptables -A INPUT -m mark --mark 0x8000/0x8000 -j DROP",
        1,
    ),
    (
        "a source port",
        "iptables -P INPUT DROP
         iptables -A INPUT -p tcp --sport 1024:65535 --dport 22 -j ACCEPT",
        0,
    ),
    (
        "like ufw",
        "iptables -P INPUT DROP
         for c in ufw-before-input ufw-user-input ufw-after-input ufw-reject-input ufw-user-limit ufw-user-limit-accept ufw-not-local; do iptables -N $c; done
         iptables -A INPUT -j ufw-before-input
         iptables -A INPUT -j ufw-after-input
         iptables -A INPUT -j ufw-reject-input
         iptables -A ufw-before-input -i lo -j ACCEPT
         iptables -A ufw-before-input -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
         iptables -A ufw-before-input -m conntrack --ctstate INVALID -j DROP
         iptables -A ufw-before-input -p icmp -m icmp --icmp-type 8 -j ACCEPT
         iptables -A ufw-before-input -j ufw-not-local
         iptables -A ufw-before-input -d 224.0.0.251/32 -p udp -m udp --dport 5353 -j ACCEPT
         iptables -A ufw-before-input -j ufw-user-input
         iptables -A ufw-not-local -m addrtype --dst-type LOCAL -j RETURN
         iptables -A ufw-not-local -m addrtype --dst-type MULTICAST -j RETURN
         iptables -A ufw-not-local -m addrtype --dst-type BROADCAST -j RETURN
         iptables -A ufw-not-local -m limit --limit 3/min --limit-burst 10 -j LOG
         iptables -A ufw-not-local -j DROP
         iptables -A ufw-user-input -p tcp -m tcp --dport 22 -m conntrack --ctstate NEW -m recent --set --name DEFAULT --mask 255.255.255.255 --rsource
         iptables -A ufw-user-input -p tcp -m tcp --dport 22 -m conntrack --ctstate NEW -m recent --update --seconds 30 --hitcount 16 --name DEFAULT --mask 255.255.255.255 --rsource -j ufw-user-limit
         iptables -A ufw-user-input -p tcp -m tcp --dport 22 -j ufw-user-limit-accept
         iptables -A ufw-user-input -s 10.77.1.0/24 -p tcp -m tcp --dport 5432 -j ACCEPT
         iptables -A ufw-user-limit -m limit --limit 3/min -j LOG --log-prefix '[UFW LIMIT BLOCK] '
         iptables -A ufw-user-limit -j REJECT --reject-with icmp-port-unreachable
         iptables -A ufw-user-limit-accept -j ACCEPT",
        0,
    ),
];

pub(super) const NFT: [Case; 8] = [
    (
        "sets, maps and ranges",
        "nft -f - <<'E'
table inet f {
  set ok4 { type ipv4_addr; flags interval; elements = { 10.77.1.0/31, 10.77.1.3-10.77.1.9 } }
  map ports { type inet_service : verdict; elements = { 22 : accept, 80 : jump web } }
  chain web { ip saddr 10.77.2.0/24 accept; tcp dport 80 return; drop; }
  chain input { type filter hook input priority filter; policy drop;
    ct state vmap { established : accept, related : accept, invalid : drop }
    iifname \"lo\" accept
    meta l4proto { icmp, ipv6-icmp } accept
    tcp dport vmap @ports
    tcp dport vmap { 443 : accept, 8000-8100 : drop }
    ip saddr @ok4 tcp dport { 5432, 9000-9010 } accept
    ip6 saddr fd77:1::/64 udp dport != 22 accept
    meta nfproto ipv4 udp dport > 5000 accept
  }
}
E",
        0,
    ),
    (
        "every base chain must let it in",
        "nft -f - <<'E'
table inet one { chain in { type filter hook input priority 0; policy accept; tcp dport 22 accept; tcp dport 80 drop; }; }
table ip two { chain in { type filter hook input priority 10; policy drop; ct state established,related accept; tcp dport { 22, 80, 443 } accept; }; }
table inet three { chain pre { type filter hook prerouting priority raw; policy accept; iifname \"eth1\" tcp dport 443 drop; }; }
E",
        0,
    ),
    (
        "both tools",
        "iptables -P INPUT DROP
         iptables -A INPUT -p tcp -m multiport --dports 22,80 -j ACCEPT
         iptables -A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT
         nft -f - <<'E'
table inet guard { chain in { type filter hook input priority -10; policy accept; tcp dport 80 ip saddr 10.77.1.2 drop; tcp dport 443 accept; }; }
E",
        0,
    ),
    (
        "like firewalld",
        "nft -f - <<'E'
table inet firewalld {
  chain raw_PREROUTING { type filter hook prerouting priority -290; policy accept;
    icmpv6 type { nd-router-advert, nd-neighbor-solicit } accept
    meta nfproto ipv6 fib saddr . mark . iif oif missing drop
  }
  chain filter_INPUT { type filter hook input priority 10; policy accept;
    ct state { established, related } accept
    ct status dnat accept
    iifname \"lo\" accept
    jump filter_INPUT_ZONES
    ct state { invalid } drop
    reject with icmpx type admin-prohibited
  }
  chain filter_INPUT_ZONES { iifname \"eth1\" goto filter_IN_internal; goto filter_IN_public; }
  chain filter_IN_public { jump filter_IN_public_allow; meta l4proto { icmp, ipv6-icmp } accept; }
  chain filter_IN_public_allow { tcp dport 22 ct state { new, untracked } accept; ip6 daddr fe80::/64 udp dport 546 accept; }
  chain filter_IN_internal { tcp dport { 80, 443 } ct state { new, untracked } accept; meta l4proto { icmp, ipv6-icmp } accept; return; }
}
E",
        0,
    ),
    (
        "joined keys and flags",
        "nft -f - <<'E'
table inet f {
  set pairs { type ipv4_addr . inet_service; flags interval; elements = { 10.77.1.2 . 22, 10.77.2.0/24 . 80-443 } }
  chain input { type filter hook input priority 0; policy drop;
    ct state established accept
    meta l4proto icmpv6 accept
    ip saddr . tcp dport @pairs accept
    iifname . tcp dport vmap { \"eth0\" . 5432 : accept, \"eth1\" . 5432 : drop }
    tcp flags & (fin|syn|rst|ack) == syn tcp dport 8000 accept
    tcp flags != syn tcp dport 9005 accept
    fib daddr type local udp dport 22 accept
    fib daddr type broadcast udp dport 80 accept
    meta pkttype { broadcast, multicast } accept
  }
}
E",
        0,
    ),
    (
        "rates and meters",
        "nft -f - <<'E'
table inet f {
  set seen { type ipv4_addr; flags dynamic; size 1000; }
  chain input { type filter hook input priority 0; policy drop;
    ct state established accept
    meta l4proto icmpv6 accept
    tcp dport 22 limit rate over 100/second burst 500 packets drop
    tcp dport 22 accept
    tcp dport 80 limit rate 100/second burst 100 packets accept
    tcp dport 443 add @seen { ip saddr limit rate over 100/second burst 500 packets } drop
    tcp dport 443 counter log prefix \"x\" accept
    tcp dport 8000 ct count over 100 reject
    tcp dport 8000 accept
  }
}
E",
        0,
    ),
    (
        "redirected",
        "nft -f - <<'E'
table inet n {
  chain pre { type nat hook prerouting priority dstnat; tcp dport 443 redirect to :8000; tcp dport 8081 redirect to :9005; }
  chain in { type filter hook input priority 0; policy accept; tcp dport { 443, 9005 } ct status dnat accept; tcp dport { 80, 443 } drop; ip saddr 10.77.1.3 tcp dport 8000 drop; }
}
E",
        0,
    ),
    (
        "on the wire",
        "nft -f - <<'E'
table netdev early { chain a { type filter hook ingress device \"eth0\" priority 0; policy accept; tcp dport 22 drop; }; }
table inet early { chain b { type filter hook ingress device \"eth1\" priority 0; policy accept; udp dport 80 drop; }; }
E",
        // On which devices is not printed by all versions of nft.
        4,
    ),
];
