"""The subcommands of `solvent`, by what they are for. solvent.cli imports a module when one of its commands is asked for."""
