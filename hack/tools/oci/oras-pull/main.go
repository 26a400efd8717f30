// Command oras-pull is `oras pull --plain-http`, on the library that the ORAS command is built on: an independent
// reader of what Leadsman pushes.
//
//	oras-pull HOST/NAME:TAG DIRECTORY
package main

import (
	"context"
	"fmt"
	"os"

	"oras.land/oras-go/v2"
	"oras.land/oras-go/v2/content/file"
	"oras.land/oras-go/v2/registry/remote"
)

func main() {
	if err := pull(context.Background(), os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func pull(ctx context.Context, reference, directory string) error {
	repository, err := remote.NewRepository(reference)
	if err != nil {
		return err
	}
	repository.PlainHTTP = true
	store, err := file.New(directory)
	if err != nil {
		return err
	}
	defer store.Close()
	manifest, err := oras.Copy(ctx, repository, repository.Reference.Reference, store, "", oras.DefaultCopyOptions)
	if err == nil {
		fmt.Println(manifest.Digest)
	}
	return err
}
