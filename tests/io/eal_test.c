/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vrs contributors
 *
 * EAL in a process, adopted or our own, and what is said of what does not come up. Skipped (77) without
 * CAP_NET_ADMIN.
 */

#include "io/dpdk/eal.h"

#include <errno.h>
#include <linux/capability.h>
#include <pthread.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <sched.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "engine/vrs.h"
#include "tests/io/port_lab.h"
#include "tests/test.h"

static void refuse(struct vrs_dpdk_port c, int err, const char *text)
{
	struct vrs_port *p = NULL;
	int got = vrs_port_new(&c, 1, &p, lab_why, sizeof(lab_why));

	if (got != err || strstr(lab_why, text) == NULL)
		(void)fprintf(stderr, "%s: %d: %s\n", c.device, got, lab_why);
	CHECK(got == err);
	CHECK(strstr(lab_why, text) != NULL);
}

/* ---- EAL ---------------------------------------------------------------------------------- */

/* Since it was @p before, which is all zero if it was not there: another program may have left one. */
static bool is_untouched(const char *path, const struct stat *before)
{
	struct stat now = {0};

	(void)stat(path, &now);
	return now.st_ino == before->st_ino && now.st_mtim.tv_sec == before->st_mtim.tv_sec &&
		now.st_mtim.tv_nsec == before->st_mtim.tv_nsec;
}

static void starts(void)
{
	static const char *const files[] = {
		"/var/run/dpdk/rte/config", "/var/run/dpdk/rte/dpdk_telemetry.v2"};
	struct stat found[VRS_N_ELEMS(files)] = {0};
	cpu_set_t before, after;

	for (size_t i = 0; i < VRS_N_ELEMS(files); i++)
		(void)stat(files[i], &found[i]);
	CHECK(sched_getaffinity(0, sizeof(before), &before) == 0);
	lab_eal(64);
	CHECK(sched_getaffinity(0, sizeof(after), &after) == 0);
	CHECK(CPU_EQUAL(&before, &after));
	CHECK(!vrs_eal_adopted());
	lab_eal(64); /* Once is enough. */
	for (size_t i = 0; i < VRS_N_ELEMS(files); i++)
		CHECK(is_untouched(files[i], &found[i]));
}

static void eal_starts_beside_its_caller_and_leaves_nothing(void **)
{
	lab_in_child(starts);
}

/* EAL is not called, so one process can try them all. */
static void refuse_arguments(void)
{
	static const struct {
		const char *args[2];
		const char *text;
	} list[] = {
		{{"-h"}, "-h would end the process"},
		{{"-hx"}, "would end the process"},
		{{"-vh"}, "would end the process"},
		{{"--help"}, "would end the process"},
		{{"--hel"}, "would end the process"},
		{{"--log-level=help"}, "would end the process"},
		{{"--log-level", "help"}, "would end the process"},
		{{"--proc-type=secondary"}, "--proc-type=secondary would wait for another process"},
		{{"--proc-type=auto"}, "would wait for another process"},
		{{"--proc-type", "secondary"}, "would wait for another process"},
		{{"--p=secondary"}, "would wait for another process"},
	};

	for (size_t i = 0; i < VRS_N_ELEMS(list); i++) {
		struct vrs_eal_config c = {
			.args = list[i].args, .n_args = list[i].args[1] != NULL ? 2 : 1};

		CHECK(vrs_eal_start(&c, lab_why, sizeof(lab_why)) == -EINVAL);
		CHECK(strstr(lab_why, list[i].text) != NULL);
	}
	lab_eal(64);
}

static void refuse_nonsense(void)
{
	static const char *const args[] = {"--lcores=0@0", "--base-virtaddr", "nonsense"};
	struct vrs_eal_config c = {.args = args, .n_args = 3, .memory_mib = 64};

	CHECK(freopen("/dev/null", "w", stdout) != NULL); /* EAL prints its options. */
	CHECK(vrs_eal_start(&c, lab_why, sizeof(lab_why)) == -EINVAL);
	CHECK(strstr(lab_why, "DPDK does not start: ") == lab_why);
	CHECK(strstr(lab_why, "see eal: in the configuration") != NULL);
	/* EAL cannot be tried again. */
	CHECK(vrs_eal_start(&(struct vrs_eal_config){.memory_mib = 64}, lab_why, sizeof(lab_why)) ==
		-EINVAL);
}

static void refuse_hugepages(void)
{
	static const char *const args[] = {"--huge-dir=/mnt", "--no-shconf"};
	struct vrs_eal_config c = {.args = args, .n_args = 2, .memory_mib = 64};

	CHECK(vrs_eal_start(&c, lab_why, sizeof(lab_why)) == -ENOMEM);
	CHECK(strstr(lab_why, "no hugepage is free") != NULL ||
		strstr(lab_why, "no hugetlbfs takes our files") != NULL);
}

static void hugepages_that_are_missing_are_named(void **)
{
	lab_in_child(refuse_hugepages);
}

static void arguments_that_do_not_come_back_or_are_none_are_refused(void **)
{
	lab_in_child(refuse_arguments);
	lab_in_child(refuse_nonsense);
}

static void open_again(void)
{
	static const char *const args[] = {"--no-huge", "--in-memory", "--frobnicate"};
	struct vrs_eal_config c = {.args = args, .n_args = 2, .memory_mib = 8};

	lab_log(VRS_LOG_WARNING);
	CHECK(vrs_eal_start(&c, lab_why, sizeof(lab_why)) == 0);
	CHECK(strstr(vrs_eal_more_memory(), "more memory") != NULL);
	CHECK(vrs_eal_start(&c, lab_why, sizeof(lab_why)) == 0);
	CHECK(lab_logged("is not used") == 0);
	c.n_args = 3;
	CHECK(vrs_eal_start(&c, lab_why, sizeof(lab_why)) == 0);
	CHECK(lab_logged("eal: --frobnicate is not used: EAL runs since") == 1);
	CHECK(lab_logged("--no-huge is not used") == 0);
	refuse((struct vrs_dpdk_port){.device = "net_ring0"}, -ENOMEM,
		"EAL has what was first opened in this process");
}

static void arguments_that_come_too_late_are_named(void **)
{
	lab_in_child(open_again);
}

static void adopt(void)
{
	static const char *const late[] = {"-m512"};

	char *args[] = {"host", "--no-huge", "--no-shconf", "--no-pci", "--no-telemetry", "-m128",
		"--lcores=0@(0,1)", "--vdev=net_ring7", NULL};
	uint16_t id;

	CHECK(rte_eal_init(VRS_N_ELEMS(args) - 1, args) >= 0);
	lab_log(VRS_LOG_WARNING);
	CHECK(vrs_eal_start(&(struct vrs_eal_config){.args = late, .n_args = 1, .memory_mib = 64},
		      lab_why, sizeof(lab_why)) == 0);
	CHECK(vrs_eal_adopted());
	CHECK(lab_logged("eal: -m512 is not used: the host has started EAL") == 1);
	CHECK(strstr(vrs_eal_more_memory(), "the host chose") != NULL);
	struct vrs_port *p = lab_port((struct vrs_dpdk_port){.device = "net_ring7"}, 1);
	struct vrs_wire *w = lab_wire(p, 0);
	lab_carry(w, w, 100, 16);
	w->ops->free(w);
	vrs_port_put(p);
	CHECK(rte_eth_dev_get_port_by_name("net_ring7", &id) == 0); /* Still the host's. */

	/* One that the host uses. */
	struct rte_eth_conf conf = {0};
	struct rte_mempool *pool = rte_pktmbuf_pool_create("host", 1023, 0, 0, 2048, 0);
	CHECK(rte_eth_dev_configure(id, 1, 1, &conf) == 0);
	CHECK(rte_eth_rx_queue_setup(id, 0, 64, 0, NULL, pool) == 0);
	CHECK(rte_eth_tx_queue_setup(id, 0, 64, 0, NULL) == 0);
	CHECK(rte_eth_dev_start(id) == 0);
	struct vrs_dpdk_port c = {.device = "net_ring7"};
	CHECK(vrs_port_new(&c, 1, &p, lab_why, sizeof(lab_why)) == -EBUSY);
	CHECK(strstr(lab_why, "the host application has started it") != NULL);
}

static void an_eal_that_the_host_has_started_is_adopted(void **)
{
	lab_in_child(adopt);
}

static void *attach_twice(void *arg)
{
	vrs_eal_attach();
	vrs_eal_attach();
	*(unsigned *)arg = rte_lcore_id();
	return NULL;
}

/* EAL has room for 128 threads at a time. */
static void attach_many(void)
{
	lab_eal(64);
	for (unsigned i = 0; i < 300; i++) {
		unsigned lcore = LCORE_ID_ANY;
		pthread_t t;

		CHECK(pthread_create(&t, NULL, attach_twice, &lcore) == 0);
		CHECK(pthread_join(t, NULL) == 0);
		CHECK(lcore != LCORE_ID_ANY);
	}
}

static void threads_are_eals_until_they_end(void **)
{
	lab_in_child(attach_many);
}

/* ---- Devices that do not come up ----------------------------------------------------------- */

/* Drop a capability of this thread. */
static void without(unsigned cap)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];

	CHECK(syscall(SYS_capget, &head, data) == 0);
	data[cap / 32].effective &= ~(1u << cap % 32);
	CHECK(syscall(SYS_capset, &head, data) == 0);
}

static void refuse_devices(void)
{
	lab_namespace();
	lab_eal(64);
	refuse((struct vrs_dpdk_port){.device = "net_nosuch0"}, -ENODEV, "librte-net-nosuch23");
	refuse((struct vrs_dpdk_port){.device = "nosuch"}, -ENODEV, "no driver has this name");
	refuse((struct vrs_dpdk_port){.device = "net_af_packet0"}, -EINVAL, "needs iface=NAME");
	refuse((struct vrs_dpdk_port){.device = "net_af_packet0,iface=vc"}, -ENODEV,
		"no interface vc in this network namespace");
	refuse((struct vrs_dpdk_port){.device = "ffff:ff:1f.7"}, -ENODEV, "no such PCI device");
	refuse((struct vrs_dpdk_port){.device = "net_af_packet0,iface=va", .mtu = 9000}, -EINVAL,
		"mtu 9000; it takes 1500 at most");
	refuse((struct vrs_dpdk_port){.device = "net_af_packet0,iface=va,qpairs=2"}, -EINVAL,
		"2 queues (qpairs) for 1 threads");
	refuse((struct vrs_dpdk_port){.device = "net_af_packet0,iface=va,nosuch=1"}, -ENODEV,
		"its driver refuses");
	refuse((struct vrs_dpdk_port){.device = "net_ring0", .exception_tap = "va"}, -EINVAL,
		"exceptionTap va: making it: Invalid argument; there is an interface of this name");
	without(CAP_NET_RAW);
	refuse((struct vrs_dpdk_port){.device = "net_af_packet0,iface=va"}, -EPERM, "CAP_NET_RAW");
	without(CAP_NET_ADMIN);
	refuse((struct vrs_dpdk_port){.device = "net_ring0", .exception_tap = "vx"}, -EPERM,
		"CAP_NET_ADMIN");
}

static void a_device_that_does_not_come_up_says_what_is_missing(void **)
{
	lab_in_child(refuse_devices);
}

static void refuse_without_admin(void)
{
	static const char *const devices[] = {
		"net_af_packet0,iface=va", "net_tap0,iface=vt", "net_af_xdp0,iface=va"};

	lab_namespace();
	lab_eal(128);
	without(CAP_NET_ADMIN);
	for (size_t i = 0; i < VRS_N_ELEMS(devices); i++)
		refuse((struct vrs_dpdk_port){.device = devices[i]}, -EPERM,
			"without CAP_NET_ADMIN: ");
	without(CAP_NET_RAW);
	without(CAP_SYS_ADMIN);
	refuse((struct vrs_dpdk_port){.device = devices[2]}, -EPERM,
		"without CAP_NET_ADMIN, CAP_NET_RAW, CAP_SYS_ADMIN: ");
}

static void drivers_name_no_capability_so_we_do(void **)
{
	lab_in_child(refuse_without_admin);
}

static void refuse_without_raw(void)
{
	lab_namespace();
	lab_eal(128);
	without(CAP_NET_RAW);
	refuse((struct vrs_dpdk_port){.device = "net_af_xdp0,iface=va"}, -EPERM,
		"without CAP_NET_RAW: ");
}

static void the_one_capability_that_is_missing_is_named(void **)
{
	lab_in_child(refuse_without_raw);
}

static void refuse_memory(void)
{
	static const char *const args[] = {"--no-huge"};

	CHECK(vrs_eal_start(&(struct vrs_eal_config){.args = args, .n_args = 1, .memory_mib = 8},
		      lab_why, sizeof(lab_why)) == 0);
	refuse((struct vrs_dpdk_port){.device = "net_ring0"}, -ENOMEM, "more memory");
}

static void a_port_without_memory_says_so(void **)
{
	lab_in_child(refuse_memory);
}

static void *open_it(void *arg)
{
	static const char yaml[] =
		"process: {transport: {kind: dpdk, ports: [{device: net_nosuch0, addresses: "
		"[10.0.0.4/26]}]}}\n";
	struct vrs *v = NULL;

	vrs_thread_register();
	CHECK(vrs_open(&v, yaml, sizeof(yaml) - 1, NULL, lab_why, sizeof(lab_why)) == -ENODEV);
	CHECK(strstr(lab_why, "config:1:1: error: transport: port net_nosuch0: ") == lab_why);
	CHECK(strstr(lab_why, "librte-net-nosuch23") != NULL);
	vrs_thread_unregister();
	return NULL;
}

static void refuse_host(void)
{
	pthread_t t;

	CHECK(pthread_create(&t, NULL, open_it, NULL) == 0 && pthread_join(t, NULL) == 0);
}

static void a_host_is_told_why_its_transport_does_not_come_up(void **)
{
	lab_in_child(refuse_host);
}

static void *reload_it(void *arg)
{
#define DPDK(mtu)                                                                 \
	"process: {transport: {kind: dpdk, ports: [{device: net_ring0, mtu: " mtu \
	", addresses: [10.0.0.4/26]}]}}\n"
	struct vrs *v = NULL;

	vrs_thread_register();
	CHECK(vrs_open(&v, DPDK("1500"), strlen(DPDK("1500")), NULL, lab_why, sizeof(lab_why)) ==
		0);
	CHECK(vrs_reload(v, DPDK("1500"), strlen(DPDK("1500")), lab_why, sizeof(lab_why)) == 0);
	CHECK(vrs_reload(v, DPDK("1400"), strlen(DPDK("1400")), lab_why, sizeof(lab_why)) ==
		-EINVAL);
	CHECK(strcmp(lab_why,
		      "config:1:1: error: restart: transport cannot change while it runs\n") == 0);
	CHECK(vrs_reload(v, "{}", 2, lab_why, sizeof(lab_why)) == -EINVAL);
	CHECK(vrs_close(v) == 0);
	/* The port is free again. */
	CHECK(vrs_open(&v, DPDK("1400"), strlen(DPDK("1400")), NULL, lab_why, sizeof(lab_why)) ==
		0);
	CHECK(vrs_close(v) == 0);
	vrs_thread_unregister();
	return NULL;
}

static void reload_host(void)
{
	pthread_t t;

	CHECK(pthread_create(&t, NULL, reload_it, NULL) == 0 && pthread_join(t, NULL) == 0);
}

static void a_host_cannot_change_its_transport_but_open_again(void **)
{
	lab_in_child(reload_host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(eal_starts_beside_its_caller_and_leaves_nothing),
		cmocka_unit_test(arguments_that_do_not_come_back_or_are_none_are_refused),
		cmocka_unit_test(hugepages_that_are_missing_are_named),
		cmocka_unit_test(arguments_that_come_too_late_are_named),
		cmocka_unit_test(an_eal_that_the_host_has_started_is_adopted),
		cmocka_unit_test(threads_are_eals_until_they_end),
		cmocka_unit_test(a_device_that_does_not_come_up_says_what_is_missing),
		cmocka_unit_test(drivers_name_no_capability_so_we_do),
		cmocka_unit_test(the_one_capability_that_is_missing_is_named),
		cmocka_unit_test(a_port_without_memory_says_so),
		cmocka_unit_test(a_host_is_told_why_its_transport_does_not_come_up),
		cmocka_unit_test(a_host_cannot_change_its_transport_but_open_again),
	};

	if (!lab_may_make_namespaces()) {
		puts("skipped: needs CAP_SYS_ADMIN, CAP_NET_ADMIN and /dev/net/tun");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
