# Pagewalk - a thin face on Meson and Ninja.
#   make            build (installs nothing)         make demo   set up, build, run the main job on a real program
#   make setup      install what the build needs     make test   set up, build, run every test
#   make test-differential   a million MMU cases on QEMU and on Bochs, nested paging, segments, an IOMMU, MPUs on Cortex-M boards, replayed on the model (half an hour)
#   make test-bare   both, and every test, on a Debian where nothing is installed (root; debootstrap)
#   make bench   what `pagewalk run` costs           make bench-machine   what the machine alone costs
#   make bench-kernel   the memory manager beside the host's
#   make validate [VALIDATE="--rounds 3 chase"]   predicted effects of huge pages beside measured ones (long)
#   make mmfuzz [SEEDS=1-5000 OPS=2000 MMFUZZ=--smaps]   ten million memory operations, this kernel's and the model's compared
#   make test-kernels [SEEDS=1-40]   the same and its neighbours on Debian's kernels, in virtual machines
#   make test-cluster   a sweep run by GNU parallel and as a Slurm array, on this machine (root)
#   make check-kernel   `pagewalk run --check-kernel` on programs of all kinds
#   make test-html   the HTML report in headless Chromium (screenshots in BUILD/html), and other views in the tools they are for
#   make cases   published cases, found again (examples/cases)
#   make install PREFIX=/usr/local [DESTDIR=]
B ?= build
PREFIX ?= /usr/local
NINJA = meson compile -C $(B)

.PHONY: all setup test test-bare test-differential test-kernels check-kernel mmfuzz test-html test-cluster cases exhaustive mutate coverage demo san fuzz bench bench-machine bench-kernel accuracy validate install clean check
all: $(B)/build.ninja
	@$(NINJA)

$(B)/build.ninja:
	@sh tools/need.sh
	meson setup $(B) --prefix $(PREFIX)

setup:
	@sh tools/setup.sh

test: setup
	@sh tools/test.sh $(B)

test-differential: setup
	@sh tools/setup.sh emulators || echo "test-differential: going on without what could not be installed"
	@$(MAKE) --no-print-directory all
	@sh tests/differential/baremetal/run.sh $(B); status=$$?; \
		sh tests/differential/mpu/run.sh $(B) || [ $$? -eq 77 ] && exit $$status
	@sh tests/differential/segment/run.sh $(B) || [ $$? -eq 77 ]
	@sh tests/differential/nested/run.sh $(B) || [ $$? -eq 77 ]
	@sh tests/differential/iommu/run.sh $(B) || [ $$? -eq 77 ]

mmfuzz: all
	@sh tests/differential/mmfuzz/long.sh $(B) "$(SEEDS)" "$(OPS)" $(MMFUZZ)

test-kernels: setup
	@sh tools/setup.sh kernels || echo "test-kernels: going on without what could not be installed"
	@$(MAKE) --no-print-directory all
	@SEEDS="$(SEEDS)" OPS="$(OPS)" MMFUZZ="$(MMFUZZ)" sh tests/kernels/run.sh $(B)

check-kernel: setup
	@sh tools/setup.sh stress || echo "check-kernel: going on without what could not be installed"
	@$(MAKE) --no-print-directory all
	@sh tests/e2e/check_kernel.sh $(B) all

test-html: setup
	@sh tools/setup.sh browser || echo "test-html: going on without what could not be installed"
	@$(MAKE) --no-print-directory all
	@sh tests/e2e/html.sh $(B) $(B)/html; status=$$?; sh tests/e2e/consumers.sh $(B) && exit $$status

cases: setup
	@sh tools/setup.sh cases || echo "cases: going on without what could not be installed"
	@$(MAKE) --no-print-directory all
	@sh tests/e2e/cases.sh $(B) all

# Slurm on this machine, for as long as one job array takes (root).
test-cluster: setup
	@sh tools/setup.sh cluster || echo "test-cluster: going on without what could not be installed"
	@$(MAKE) --no-print-directory all
	@sh tests/e2e/sweep.sh $(B)

test-bare:
	@sh tools/bare.sh

exhaustive:
	@sh tools/exhaustive.sh

# Breaks the code on purpose, a little at a time: does a test notice?  ROOMS=machine for one room alone.
ROOMS ?= machine kernel mpu partition segment numa cache iommu nested
mutate: setup
	@sh tools/mutate.sh $(ROOMS)

coverage:
	@sh tools/coverage.sh

demo: setup
	@sh tools/demo.sh $(B)

san: setup
	@sh tools/san.sh

fuzz: setup
	@sh tools/fuzz.sh

bench: all
	@sh bench/run.sh $(B)

bench-machine: all
	@sh bench/machine/run.sh $(B)

bench-kernel: all
	@sh bench/kernel/run.sh $(B)

accuracy: all
	@sh tests/differential/accuracy.sh $(B)

validate: all
	@python3 bench/validate/run.py $(B) --write $(VALIDATE)

# The prefix is compiled in (where the command finds its capture tool), so a new one means a new configuration.
install: all
	meson configure $(B) --prefix $(PREFIX)
	@$(NINJA)
	meson install -C $(B) $(if $(DESTDIR),--destdir $(DESTDIR))

clean:
	rm -rf $(B)
