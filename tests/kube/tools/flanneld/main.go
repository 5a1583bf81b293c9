// SPDX-License-Identifier: Apache-2.0

// Command flanneld is a flannel daemon with the vxlan and host-gw backends and Kubernetes as its store: upstream's own
// main needs a module that the module proxy does not have. Flags are named like upstream's.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"github.com/flannel-io/flannel/pkg/backend"
	_ "github.com/flannel-io/flannel/pkg/backend/hostgw"
	_ "github.com/flannel-io/flannel/pkg/backend/vxlan"
	"github.com/flannel-io/flannel/pkg/ip"
	"github.com/flannel-io/flannel/pkg/ipmatch"
	"github.com/flannel-io/flannel/pkg/lease"
	"github.com/flannel-io/flannel/pkg/subnet"
	"github.com/flannel-io/flannel/pkg/subnet/kube"
	"github.com/flannel-io/flannel/pkg/trafficmngr"
	"github.com/flannel-io/flannel/pkg/trafficmngr/iptables"
	"github.com/flannel-io/flannel/pkg/trafficmngr/nftables"
	log "k8s.io/klog/v2"
)

const resyncSeconds = 60

type options struct {
	netConf, subnetFile, kubeconfig, iface, publicIP string
	masquerade                                       bool
}

func parseFlags() options {
	var o options
	flag.StringVar(&o.netConf, "net-config-path", "/etc/kube-flannel/net-conf.json", "network configuration")
	flag.StringVar(&o.subnetFile, "subnet-file", "/run/flannel/subnet.env", "what the CNI plugin reads")
	flag.StringVar(&o.kubeconfig, "kubeconfig-file", "", "kubeconfig; empty: the pod's service account")
	flag.StringVar(&o.iface, "iface", "", "interface, or an address of it, for traffic between hosts; empty: that of the default route")
	flag.StringVar(&o.publicIP, "public-ip", "", "address for traffic between hosts; empty: the first of the interface")
	flag.BoolVar(&o.masquerade, "ip-masq", false, "masquerade traffic that leaves the pod network")
	_ = flag.Bool("kube-subnet-mgr", true, "accepted for likeness; Kubernetes is the only store")
	flag.Parse()
	return o
}

func trafficManager(config *subnet.Config) trafficmngr.TrafficManager {
	if config.EnableNFTables {
		return &nftables.NFTablesManager{}
	}
	return &iptables.IPTablesManager{}
}

func filter(ctx context.Context, o options, config *subnet.Config, held *lease.Lease) error {
	manager := trafficManager(config)
	if err := manager.Init(ctx); err != nil {
		return fmt.Errorf("traffic manager: %w", err)
	}
	if o.masquerade {
		if err := manager.SetupAndEnsureMasqRules(ctx, config.Network, ip.IP4Net{}, ip.IP4Net{}, config.IPv6Network, ip.IP6Net{}, ip.IP6Net{},
			held, resyncSeconds, false); err != nil {
			return fmt.Errorf("masquerade rules: %w", err)
		}
	}
	manager.SetupAndEnsureForwardRules(ctx, config.Network, config.IPv6Network, resyncSeconds)
	return nil
}

func run(o options) error {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	manager, err := kube.NewSubnetManager(ctx, "", o.kubeconfig, "flannel.alpha.coreos.com", o.netConf, true)
	if err != nil {
		return fmt.Errorf("subnet manager: %w", err)
	}
	config, err := manager.GetNetworkConfig(ctx)
	if err != nil {
		return fmt.Errorf("network configuration: %w", err)
	}
	stack, err := ipmatch.GetIPFamily(config.EnableIPv4, config.EnableIPv6)
	if err != nil {
		return fmt.Errorf("address family: %w", err)
	}
	external, err := ipmatch.LookupExtIface(o.iface, "", "", stack, ipmatch.PublicIPOpts{PublicIP: o.publicIP})
	if err != nil {
		return fmt.Errorf("external interface: %w", err)
	}
	var group sync.WaitGroup
	chosen, err := backend.NewManager(ctx, manager, external).GetBackend(config.BackendType)
	if err != nil {
		return fmt.Errorf("backend: %w", err)
	}
	network, err := chosen.RegisterNetwork(ctx, &group, config)
	if err != nil {
		return fmt.Errorf("registering the network: %w", err)
	}
	if err := filter(ctx, o, config, network.Lease()); err != nil {
		return err
	}
	if err := manager.HandleSubnetFile(o.subnetFile, config, o.masquerade, network.Lease().Subnet, network.Lease().IPv6Subnet, network.MTU()); err != nil {
		return fmt.Errorf("subnet file: %w", err)
	}
	log.Infof("wrote %s", o.subnetFile)
	group.Add(1)
	go func() {
		defer group.Done()
		network.Run(ctx)
	}()
	if err := manager.CompleteLease(ctx, network.Lease(), &group); err != nil {
		cancel()
		group.Wait()
		return fmt.Errorf("lease: %w", err)
	}
	group.Wait()
	return nil
}

func main() {
	if err := run(parseFlags()); err != nil {
		log.Errorf("%v", err)
		os.Exit(1)
	}
}
